package mixer

import (
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"tacet/audio/audiotest"
	"tacet/systemd/needs"
)

// What amixer prints for a USB microphone, for a card that also plays, and for nonsense.
func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []Control
	}{
		"a microphone": {`Simple mixer control 'Mic',0
  Capabilities: cvolume cvolume-joined cswitch cswitch-joined
  Capture channels: Mono
  Limits: Capture 0 - 16
  Mono: Capture 12 [75%] [12.00dB] [on]
`, []Control{{"Mic", 0, 75, false}}},
		"switched off, in stereo": {`Simple mixer control 'Capture',1
  Capabilities: cvolume cswitch
  Limits: Capture 0 - 63
  Front Left: Capture 10 [16%] [off]
  Front Right: Capture 32 [51%] [off]
`, []Control{{"Capture", 1, 51, true}}},
		"playback beside it": {`Simple mixer control 'Speaker',0
  Capabilities: pvolume pswitch
  Front Left: Playback 37 [100%] [on]
Simple mixer control 'Mic',0
  Capabilities: pvolume cvolume pswitch cswitch
  Playback channels: Mono
  Capture channels: Mono
  Mono: Playback 20 [80%] [on] Capture 3 [19%] [off]
Simple mixer control 'Auto Gain Control',0
  Capabilities: cswitch cswitch-joined
  Mono: Capture [on]
Simple mixer control 'Boost',0
  Capabilities: volume
  Front Left: 1 [33%] [10.00dB]
`, []Control{{"Mic", 0, 19, true}, {"Auto Gain Control", 0, -1, false}, {"Boost", 0, 33, false}}},
		"a name that is a command": {"Simple mixer control 'x'; reboot',0\n  Capabilities: cswitch\n  Mono: Capture [off]\n", nil},
		"nonsense":                 {"Mono: Capture [off]\n\x00\n", nil},
	} {
		if got := parse(c.text); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	if got := parse(strings.Repeat("Simple mixer control 'Mic',0\n  Capabilities: cvolume\n", 1000)); len(got) != maxControls {
		t.Errorf("%d controls of a card that lists 1000", len(got))
	}
}

func TestAdvise(t *testing.T) {
	const card = "hw:CARD=Device"
	for name, c := range map[string]struct {
		about           Complaint
		controls        []Control
		err             error
		remedy, command string
	}{
		"switched off": {Silent, []Control{{"Boost", 0, 50, false}, {"Mic", 0, 75, true}}, nil, "'Mic' is off",
			"amixer -D hw:CARD=Device sset 'Mic' cap && sudo alsactl store Device"},
		"off and at nothing": {Silent, []Control{{"Mic", 0, 0, true}}, nil, "'Mic' is off", "sset 'Mic' 80% cap &&"},
		"at nothing":         {Silent, []Control{{"Mic", 1, 0, false}}, nil, "'Mic',1 is at 0 %", "sset 'Mic',1 80% &&"},
		"not the mixer": {Silent, []Control{{"Mic", 0, 75, false}}, nil, "is not the cause",
			"alsamixer -D hw:CARD=Device"},
		"too low": {TooQuiet, []Control{{"Boost", 0, 70, false}, {"Mic", 0, 20, false}}, nil, "'Mic' is at 20 %",
			"sset 'Mic' 80% &&"},
		"too low at 90":      {TooQuiet, []Control{{"Mic", 0, 90, false}}, nil, "'Mic' is at 90 %", "sset 'Mic' 100% &&"},
		"too low at the top": {TooQuiet, []Control{{"Mic", 0, 100, false}}, nil, "move it nearer", "alsamixer"},
		"too loud": {TooLoud, []Control{{"Boost", 0, 30, false}, {"Mic", 0, 90, false}}, nil, "'Mic' is at 90 %",
			"sset 'Mic' 60% &&"},
		"no control": {TooLoud, nil, nil, "move it away, or take another microphone; it has no mixer control", ""},
		"no amixer":  {Silent, nil, ErrNoTool, "mute switch", "sudo apt install alsa-utils"},
	} {
		remedy, command := Advise(c.about, card, c.controls, c.err)
		if !strings.Contains(remedy, c.remedy) || !strings.Contains(command, c.command) {
			t.Errorf("%s: %q, %q", name, remedy, command)
		}
	}
}

// The commands work: with amixer and PulseAudio's mixer, each cures what it is for.
func TestCommandsCureARealMixer(t *testing.T) {
	needs.Program(t, "amixer", "alsa-utils")
	audiotest.NewPulse(t).Setenv(t)
	for name, c := range map[string]struct {
		about Complaint
		spoil []string
		want  Control
	}{
		"off":     {Silent, []string{"50%", "nocap"}, Control{"Capture", 0, 50, false}},
		"nothing": {Silent, []string{"0%", "cap"}, Control{"Capture", 0, 80, false}},
		"quiet":   {TooQuiet, []string{"5%", "cap"}, Control{"Capture", 0, 80, false}},
		"loud":    {TooLoud, []string{"90%", "cap"}, Control{"Capture", 0, 60, false}},
	} {
		args := append([]string{"-D", audiotest.Device, "sset", "Capture"}, c.spoil...)
		if out, err := exec.Command("amixer", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		controls, err := Read(t.Context(), audiotest.Device)
		if err != nil {
			t.Fatal(err)
		}
		_, command := Advise(c.about, audiotest.Device, controls, nil)
		command, _, _ = strings.Cut(command, " && ") // PulseAudio's mixer can't be stored
		if out, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
			t.Errorf("%s: %s: %v: %s", name, command, err, out)
		}
		if got, err := Read(t.Context(), audiotest.Device); err != nil || !reflect.DeepEqual(got, []Control{c.want}) {
			t.Errorf("%s: after %s: %+v, %v", name, command, got, err)
		}
	}
	if got, err := Read(t.Context(), "hw:CARD=NoSuchCard"); err == nil {
		t.Errorf("of a card that isn't there: %+v", got)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Read(t.Context(), audiotest.Device); err != ErrNoTool {
		t.Errorf("without amixer: %v", err)
	}
}
