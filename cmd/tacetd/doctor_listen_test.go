package main

import (
	"log/slog"
	"os/exec"
	"sync"
	"testing"

	"tacet/audio"
	"tacet/audio/audiotest"
	"tacet/cmd/internal/diagnosis/mixer"
	"tacet/systemd/needs"
)

// listensTo gives the unit this microphone.
func (p *patient) listensTo(device string) {
	p.cfg.Audio.Device = device
	p.doctor.mic = audio.NewMic(device, p.cfg.Audio.Rate, p.cfg.Audio.Channels, slog.New(slog.DiscardHandler))
}

// Doctor listens to sound cards that have the faults of real ones, through the sound library.
func TestDoctorListensToCards(t *testing.T) {
	cards := map[string]audiotest.Card{
		"well": {}, "zero": {"wave": "zero"}, "loud": {"wave": "loud"}, "faint": {"wave": "faint"},
		"slow": {"speed": "0:0.91875"}, // 44,100 frames a second, called 48,000
		"odd":  {"rate": 44100},
		"dies": {"unplug": 3},
	}
	audiotest.NewCards(t, cards).Setenv(t)
	found := map[string]fault{
		"zero": {part: "microphone: ", cause: "zero hears nothing", remedy: "'Mic' is not the cause",
			command: "alsamixer -D zero"},
		"loud":  {part: "speech: ", cause: "too loud", remedy: "'Mic' is at 90 %", command: "sset 'Mic' 60%"},
		"faint": {part: "speech: ", cause: "too low", remedy: "'Mic' is at 90 %", command: "sset 'Mic' 100%"},
		"slow":  {part: "microphone: ", cause: "claims 48000 Hz but delivers 441", remedy: "use another"},
		"odd":   {part: "microphone: ", cause: "can't do what the configuration asks for", remedy: "rate = 44100"},
		"dies":  {part: "microphone: ", cause: "the sound card", remedy: "plug it in again", command: "dmesg"},
	}
	patients := map[string]*patient{}
	var all sync.WaitGroup
	for name := range cards {
		p := newPatient(t, "")
		p.listensTo(name)
		heard(audio.Heard{}, mixer.Control{Name: "Mic", Percent: 90})(p)
		patients[name] = p
		all.Go(func() { p.tryParts(t.Context()) })
	}
	all.Wait()
	for name, p := range patients {
		t.Run(name, func(t *testing.T) {
			p.t = t
			if name == "well" {
				p.says("ok         microphone: well delivered ")
				p.says("ok         speech: at -15 dB of full scale, with peaks of -12 dB")
				p.exits(0)
				if h := p.document().Listening; h == nil || h.Rate < 47900 || h.Rate > 48100 || h.Clipped > 0 {
					t.Errorf("for programs: %+v", h)
				}
				return
			}
			p.diagnoses(found[name])
		})
	}
}

// A microphone that is switched off in a real mixer, while somebody speaks.
func TestDoctorFindsTheControlOfARealMixer(t *testing.T) {
	needs.Program(t, "amixer", "alsa-utils")
	room := audiotest.NewPulse(t)
	room.Setenv(t)
	go room.Play(t.Context(), audiotest.Code(0, 60*48000))
	if out, err := exec.Command("amixer", "-D", audiotest.Device, "sset", "Capture",
		"nocap").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p := newPatient(t, "")
	p.listensTo(audiotest.Device)
	p.doctor.mixer = mixer.Read
	p.tryParts(t.Context())
	p.diagnoses(fault{part: "microphone: ", cause: "hears nothing", remedy: "'Capture' is off",
		command: "amixer -D room sset 'Capture' cap"})
}
