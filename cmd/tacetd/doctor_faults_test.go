package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/audio"
	"tacet/audio/monitor"
	"tacet/cmd/internal/diagnosis/mixer"
	"tacet/config"
	"tacet/daemon/store"
	"tacet/daemon/trust"
	"tacet/hw"
	"tacet/hw/hwtest"
)

// A fault is something broken, and what the first failing line must say of it.
type fault struct {
	more    string // of the configuration
	breaks  func(p *patient)
	part    string // the start of the line
	cause   string
	remedy  string
	command string // "" if none helps
	lit     int    // how often the microphone may be opened or closed; 0 for any number
}

// kernel makes the machine's files say something.
func kernel(name, text string) func(p *patient) {
	return func(p *patient) {
		path := filepath.Join(p.host.Root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
}

// rewired gives the unit another board.
func rewired(b func() *hwtest.Board) func(p *patient) {
	return func(p *patient) {
		p.board = b()
		p.mic.board = p.board
		p.openPanel = func(context.Context) (*hw.Panel, error) { return hw.OpenOn(p.board, wiring(p.cfg)) }
	}
}

func heard(h audio.Heard, controls ...mixer.Control) func(p *patient) {
	return func(p *patient) {
		h.Frames = 48000
		p.mic.heard = h
		p.mixer = func(context.Context, string) ([]mixer.Control, error) { return controls, nil }
	}
}

var faults = map[string]fault{
	"clock, and nothing sets it": {breaks: func(p *patient) { p.clock = fakeClock(false) },
		part: "clock: not set", cause: "no program sets it", remedy: "install one", command: "apt install systemd-timesyncd"},
	"clock, and no server": {breaks: func(p *patient) {
		kernel("run/systemd/timesync/synchronized", "")(p)
		p.clock = fakeClock(false)
	}, part: "clock: not set", cause: "has reached none", remedy: "UDP port 123", command: "timedatectl timesync-status"},
	"memory that may not be locked": {
		breaks: func(p *patient) { p.lockLimit = func(context.Context) (string, error) { return "8388608", nil } },
		part:   "memory: ", cause: "the service may lock only 8388608 bytes", remedy: "LimitMEMLOCK=infinity",
		command: "systemctl edit"},
	"swap": {breaks: kernel("proc/swaps", "Filename Type Size Used Priority\n/var/swap file 524284 0 -2\n"),
		part: "swap: ", cause: "/var/swap", remedy: "turn swap off", command: "swapoff -a"},
	"low voltage": {breaks: kernel("sys/devices/platform/soc/soc:firmware/get_throttled", "50005\n"),
		part: "power: ", cause: "the voltage is too low", remedy: "power supply", command: "vcgencmd"},
	"heat": {breaks: kernel("sys/devices/platform/soc/soc:firmware/get_throttled", "80008\n"),
		part: "power: ", cause: "so hot", remedy: "heat sink", command: "vcgencmd"},
	"weak Wi-Fi": {breaks: kernel("proc/net/wireless", "-\n-\n wlan0: 0000   22.  -88.  -256  0 0 0 0 0 0\n"),
		part: "wi-fi: ", cause: "-88 dBm, which is weak", remedy: "access point", command: "/proc/net/wireless"},
	"a worn card": {breaks: kernel("sys/block/mmcblk0/device/life_time", "0x01 0x0b\n"),
		part: "wear of mmcblk0: ", cause: "nearly worn out", remedy: "replace it", command: "life_time"},

	"no lines": {breaks: rewired(func() *hwtest.Board { return hwtest.NewBoard("GPIO5", "GPIO6") }),
		part: "buttons and light: light: line GPIO27 not found", cause: "not found", remedy: "there are GPIO5, GPIO6", command: "gpioinfo"},
	"lines that another program holds": {breaks: func(p *patient) {
		other, err := hw.OpenOn(p.board, wiring(p.cfg))
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { other.Close() })
	}, part: "buttons and light: ", cause: "busy", remedy: "who holds them", command: "gpioinfo"},
	"a light that can't be driven": {breaks: func(p *patient) {
		p.openPanel = func(context.Context) (*hw.Panel, error) {
			panel, err := hw.OpenOn(p.board, wiring(p.cfg))
			p.board.Fail("GPIO27", hwtest.Out, syscall.EIO)
			return panel, err
		}
	}, part: "light: GPIO27: ", cause: "drive line GPIO27: input/output error", remedy: "check the wiring, and [light]",
		command: "-wire"},
	"a light that stays dark": {breaks: rewired(func() *hwtest.Board {
		return hwtest.NewBoard("GPIO5", "GPIO6", "GPIO22", "GPIO27") // the sense line is not connected
	}), part: "light: GPIO27: ", cause: "the light was switched to lit, but the sense line GPIO22 sees it dark",
		remedy: "if it flashed, check the phototransistor", command: "-wire"},
	"a lamp that shines on the sensor": {breaks: func(p *patient) { p.board.Drive("GPIO22", gpio.High) },
		part: "light: GPIO27: ", cause: "the light was switched to dark, but the sense line GPIO22 sees it lit",
		remedy: "shield the phototransistor", command: "-wire"},
	"a button that is held down": {breaks: func(p *patient) { p.board.Drive("GPIO6", gpio.Low) },
		part: "button of clinician (GPIO6): ", cause: "reads as pressed", remedy: "check its wiring", command: "-stop -wire"},
	"a button that is not connected": {breaks: func(p *patient) {
		p.env.Stderr = hands(func(message string) {
			if !strings.Contains(message, "of patient") {
				p.press(message)
			}
		})
	}, part: "button of patient (GPIO5): ", cause: "was not pressed within 15s", remedy: "check its line and its wiring",
		command: "-wire"},

	"no microphone": {breaks: func(p *patient) { p.mic.present = audio.ErrMissing },
		part: "microphone: ", cause: "no such sound card", remedy: "plug it in", command: "/proc/asound/cards", lit: 1},
	"a microphone in use": {breaks: func(p *patient) { p.mic.err = audio.ErrBusy },
		part: "microphone: ", cause: "another program uses it", remedy: "end the program", command: "fuser -v /dev/snd"},
	"no right to the microphone": {breaks: func(p *patient) { p.mic.err = audio.ErrDenied },
		part: "microphone: ", cause: "not allowed", remedy: "group audio", command: "usermod -aG audio tacet"},
	"another rate": {breaks: func(p *patient) { p.mic.err = audio.ErrRate },
		part: "microphone: ", cause: "the card can't do", remedy: "[audio] rate and channels"},
	"muted": {breaks: heard(audio.Heard{Dead: true}, mixer.Control{Name: "Mic", Percent: 70, Off: true}),
		part: "microphone: ", cause: "hears nothing", remedy: "'Mic' is off",
		command: "amixer -D hw:CARD=NoSuchCard sset 'Mic' cap && sudo alsactl store NoSuchCard"},
	"broken": {breaks: heard(audio.Heard{Dead: true}, mixer.Control{Name: "Mic", Percent: 70}),
		part: "microphone: ", cause: "hears nothing", remedy: "take another microphone", command: "alsamixer"},
	"too low": {breaks: heard(audio.Heard{Levels: monitor.Levels{Steps: 100, Speech: -62, Peak: -40}}, mixer.Control{Name: "Mic", Percent: 10}),
		part: "speech: ", cause: "too low: -62 dB", remedy: "'Mic' is at 10 %",
		command: "sset 'Mic' 80% && sudo alsactl store"},
	"too loud": {breaks: heard(audio.Heard{Levels: monitor.Levels{Steps: 100, Speech: -3, Cuts: 500}}, mixer.Control{Name: "Mic", Percent: 90}),
		part: "speech: ", cause: "cut off at full scale 500 times", remedy: "'Mic' is at 90 %",
		command: "sset 'Mic' 60% && sudo alsactl store"},
	"wrong rate": {breaks: heard(audio.Heard{Rate: 44100, Off: true}),
		part: "microphone: ", cause: "claims 48000 Hz but delivers 44100 samples a second", remedy: "use another microphone"},
	"delivers nothing": {breaks: func(p *patient) { p.mic.heard.Frames = 0 },
		part: "microphone: ", cause: "delivers nothing", remedy: "the plug and the cable", command: "dmesg"},

	"no spool": {breaks: func(p *patient) { os.Remove(p.cfg.Spool.Path) },
		part: "spool ", cause: "there is no such folder", remedy: "mount the disk", command: "df -h "},
	"no room": {breaks: func(p *patient) { p.cfg.Spool.Reserve = 1e6 * time.Hour },
		part: "spool ", cause: "the reserve is", remedy: "room", command: "df -h "},
	"a bad recipient": {breaks: func(p *patient) { p.cfg.Encrypt.Recipients[0] += "x" },
		part: "encryption: ", cause: "recipient", remedy: "[encrypt]", command: "tacet check "},
	"a store that is away": {more: office + `"/nowhere/at/all"` + "\n",
		part: "store office (folder): ", cause: "/nowhere/at/all doesn't exist", remedy: "mount the share",
		command: "findmnt -T /nowhere/at/all"},
	"a store that hangs": {more: office + `"/nowhere"` + "\n",
		breaks: func(p *patient) { p.storeKind = func(config.Store, trust.Judge) store.Kind { return hanging{p} } },
		part:   "store office (folder): ", cause: "no answer in 20s", remedy: "the share is mounted",
		command: "findmnt -T /nowhere"},
	"no broker": {more: "[mqtt]\nbroker = \"mqtt://127.0.0.1:1\"\n",
		part: "broker mqtt://127.0.0.1:1: ", cause: "nothing listens at the broker's address", remedy: "start the broker",
		command: "nc -vz 127.0.0.1 1"},
	"a password that is not there": {more: "[mqtt]\nbroker = \"mqtt://127.0.0.1:1\"\nusername = \"u\"\n" +
		"password_file = \"/nowhere/password\"\n",
		part: "broker mqtt://127.0.0.1:1: ", cause: "open /nowhere/password: no such file", remedy: "put the file there",
		command: "ls -l /nowhere/password"},
	"a key that is closed to the service": {more: secretStore, breaks: func(p *patient) {
		p.storeKind = func(config.Store, trust.Judge) store.Kind { return closed{} }
	}, part: "store vault (s3): ", cause: "permission denied", remedy: "let the service's user read the file",
		command: "ls -l /nowhere/secret"},
}

const secretStore = "[[store]]\nname = \"vault\"\nkind = \"s3\"\nendpoint = \"http://127.0.0.1:1\"\n" +
	"bucket = \"tacet\"\n" +
	"access_key_file = \"/nowhere/access\"\nsecret_key_file = \"/nowhere/secret\"\n"

// closed is a store whose secret the service may not read.
type closed struct{}

func (closed) Open(context.Context) (store.Medium, error) {
	return nil, fmt.Errorf("a key for the S3 server: %w",
		&fs.PathError{Op: "open", Path: "/nowhere/secret", Err: syscall.EACCES})
}

func (closed) Changed() <-chan struct{} { return nil }

// Each fault makes its own part fail, and no other. The first failing line has the right cause,
// what to do, and the command.
func TestDoctorNamesCauseAndRemedy(t *testing.T) {
	if len(faults) < 20 {
		t.Errorf("only %d faults", len(faults))
	}
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			p := newPatient(t, f.more)
			if f.breaks != nil {
				f.breaks(p)
			}
			synctest.Test(t, func(t *testing.T) {
				p.hang = make(chan struct{})
				defer close(p.hang)
				p.tryParts(t.Context())
			})
			p.diagnoses(f)
			if f.lit > 0 && len(p.mic.lit) > f.lit {
				t.Errorf("the microphone was opened and closed %d times, want at most %d", len(p.mic.lit), f.lit)
			}
			if slices.Contains(p.mic.lit, gpio.Low) {
				t.Error("the microphone was open while the light was off")
			}
		})
	}
}

// diagnoses checks that the fault alone is found, in the text, in the verdict and for programs.
func (p *patient) diagnoses(f fault) {
	p.t.Helper()
	p.exits(1)
	var failing []string
	for line := range strings.Lines(p.out.String()) {
		if rest, ok := strings.CutPrefix(line, "FAIL       "); ok {
			failing = append(failing, rest)
		}
	}
	if len(failing) != 1 {
		p.t.Fatalf("%d parts fail:\n%s", len(failing), &p.out)
	}
	if !strings.HasPrefix(failing[0], f.part) {
		p.t.Errorf("%q fails, want %q", failing[0], f.part)
	}
	text, command, _ := strings.Cut(failing[0], "; run: ")
	if !strings.Contains(text, f.cause) || !strings.Contains(text, f.remedy) || !strings.Contains(command, f.command) ||
		f.command == "" && command != "" {
		p.t.Errorf("%q, want the cause %q, the remedy %q and the command %q", failing[0], f.cause, f.remedy, f.command)
	}
	d := p.document()
	for _, part := range d.Parts {
		if part.Outcome == "failed" && (part.Remedy == "" || !strings.Contains(part.Command, f.command)) {
			p.t.Errorf("for programs: %+v", part)
		}
	}
	if d.Ready || !strings.HasPrefix(d.Verdict, "Not ready: 1 thing, "+f.part[:5]) {
		p.t.Errorf("verdict: %q", d.Verdict)
	}
}
