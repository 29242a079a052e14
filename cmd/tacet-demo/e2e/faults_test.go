package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
)

// asound is an ALSA configuration of a test's own, which may change while programs run.
type asound struct{ dir string }

// newAsound makes a configuration with only these PCMs.
func newAsound(t *testing.T, pcms string) asound {
	t.Helper()
	a := asound{t.TempDir()}
	a.set(t, pcms)
	return a
}

func (a asound) path() string { return filepath.Join(a.dir, "asoundrc") }

// set replaces the file atomically.
func (a asound) set(t *testing.T, pcms string) {
	t.Helper()
	next := a.path() + ".next"
	if err := os.WriteFile(next, []byte("</usr/share/alsa/alsa.conf>\n"+pcms), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, a.path()); err != nil {
		t.Fatal(err)
	}
}

func (a asound) env() string { return "ALSA_CONFIG_PATH=" + a.path() }

// pcmOf returns the definition of a room's PCM.
func pcmOf(t *testing.T, room *audiotest.Pulse) string {
	t.Helper()
	for _, e := range room.Env() {
		if path, ok := strings.CutPrefix(e, "ALSA_CONFIG_PATH="); ok {
			_, pcm, _ := strings.Cut(string(read(t, path)), "\n")
			return pcm
		}
	}
	t.Fatal("the room has no ALSA configuration")
	return ""
}

// refused presses the only button of a unit that can't record now, and checks that it is refused: a
// flash, a warning, and no file.
func refused(t *testing.T, demo *demotest.Demo, code string) {
	t.Helper()
	demo.Insist("room", "the flash", demotest.Light("flash"))
	demo.Warns(code)
	if p := demo.Until("darkness", demotest.Light("off")); len(p.Recordings) != 0 {
		t.Errorf("a press that was refused left %+v", p.Recordings)
	}
}

// records makes a recording on a unit that works again.
func records(t *testing.T, unit *demotest.Unit, demo *demotest.Demo) {
	t.Helper()
	demo.Consent()
	demo.Until("a second", demotest.Recorded(1, 1))
	demo.Press("room")
	file := demo.Until("the end", demotest.Ended(1, "whole")).Recordings[0].File
	sound, _ := unit.Open(t, file)
	oneRun(t, decode(t, sound))
}

func TestAMicrophoneThatComesLateIsUsedWithoutARestart(t *testing.T) {
	t.Parallel()
	room := audiotest.NewPulse(t)
	speak(t, room)
	cards := newAsound(t, "")
	unit := demotest.NewUnit(t, demotest.Settings{Device: audiotest.Device, Parties: []string{"room"}})
	demo := unit.Start(t, append(room.Env(), cards.env())...)
	demo.Until("readiness", demotest.Phase("idle"))
	refused(t, demo, "mic-fault")
	cards.set(t, pcmOf(t, room))
	records(t, unit, demo)
}

// A card that the kernel does not list is reported as missing before anybody presses.
func TestACardThatIsNotThere(t *testing.T) {
	t.Parallel()
	unit := demotest.NewUnit(t, demotest.Settings{Device: "hw:CARD=Nowhere,DEV=0", Parties: []string{"room"}})
	demo := unit.Start(t)
	demo.Warns("mic-missing")
	demo.Until("the refusal", func(p demotest.Panel) bool {
		return p.Phase == "fault" && p.StatusLight == "flash" &&
			p.Light == "off"
	})
	refused(t, demo, "mic-missing")
}

// at44100 is an ALSA plugin for a card with only 44,100 Hz. Its declarations are from alsa-lib's
// pcm_ioplug.h.
const at44100 = `
struct ioplug {
	unsigned version; const char *name; unsigned flags; int poll_fd; unsigned poll_events, mmap_rw;
	int (*const *callback)(void); void *private_data, *pcm; long rest[16];
};
extern int snd_pcm_ioplug_create(struct ioplug *, const char *name, int stream, int mode);
extern int snd_pcm_ioplug_set_param_list(struct ioplug *, int param, unsigned n, const unsigned *list);
extern int open(const char *, int, ...);
static int nothing(void) { return 0; }
static int (*const callbacks[32])(void) = {nothing /* start */, nothing /* stop */, nothing /* pointer */};
static struct ioplug card = {.version = 0x10002, .name = "slower", .callback = callbacks};
int _snd_pcm_slower_open(void **pcm, const char *name, void *root, void *conf, int stream, int mode) {
	card.poll_fd = open("/dev/null", 0);
	int err = snd_pcm_ioplug_create(&card, name, stream, mode);
	if (err == 0) err = snd_pcm_ioplug_set_param_list(&card, 3 /* rate */, 1, (unsigned[]){44100});
	*pcm = card.pcm;
	return err;
}
char __snd_pcm_slower_open_dlsym_pcm_001;
`

// A card with only two channels, as many have, and one with another rate.
func TestACardWithAnotherFormat(t *testing.T) {
	t.Parallel()
	cards := newAsound(t, plugin(t, "slower", at44100)+`
pcm.other-rate { type slower }
pcm.nothing { type null }
pcm.stereo {
	type multi
	slaves.a { pcm nothing channels 2 }
	bindings { 0 { slave a channel 0 } 1 { slave a channel 1 } }
}
`)
	for _, card := range []string{"stereo", "other-rate"} {
		t.Run(card, func(t *testing.T) {
			t.Parallel()
			unit := demotest.NewUnit(t, demotest.Settings{Device: card, Parties: []string{"room"}})
			demo := unit.Start(t, cards.env())
			demo.Until("readiness", demotest.Phase("idle"))
			refused(t, demo, "mic-rate")
		})
	}
}

// plugin compiles an ALSA plugin, and returns the configuration for it.
func plugin(t *testing.T, name, text string) string {
	t.Helper()
	source, lib := filepath.Join(t.TempDir(), name+".c"), filepath.Join(t.TempDir(), name+".so")
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", lib, source,
		"-l:libasound.so.2").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return fmt.Sprintf("pcm_type.%s { lib %q }\n", name, lib)
}

// taken is an ALSA plugin that behaves like a card that another program holds as long as a file
// exists, and otherwise opens the room. A sound server never refuses for that reason.
const taken = `
extern int snd_pcm_open(void **, const char *, int, int);
extern int access(const char *, int);
int _snd_pcm_taken_open(void **pcm, const char *name, void *root, void *conf, int stream, int mode) {
	return access(%q, 0) == 0 ? -16 /* EBUSY */ : snd_pcm_open(pcm, %q, stream, mode);
}
char __snd_pcm_taken_open_dlsym_pcm_001;
`

func TestACardThatIsTaken(t *testing.T) {
	t.Parallel()
	room := audiotest.NewPulse(t)
	speak(t, room)
	holder := filepath.Join(t.TempDir(), "holder")
	if err := os.WriteFile(holder, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cards := newAsound(t, pcmOf(t, room)+plugin(t, "taken", fmt.Sprintf(taken, holder, audiotest.Device))+
		"pcm.card { type taken }\n")
	unit := demotest.NewUnit(t, demotest.Settings{Device: "card", Parties: []string{"room"}})
	demo := unit.Start(t, append(room.Env(), cards.env())...)
	demo.Until("readiness", demotest.Phase("idle"))
	refused(t, demo, "mic-busy")
	if err := os.Remove(holder); err != nil {
		t.Fatal(err)
	}
	records(t, unit, demo)
}

func TestADiskWithoutRoom(t *testing.T) {
	t.Parallel()
	// A disk in memory has room for less than a thousand hours.
	memory, err := os.MkdirTemp("/dev/shm", "tacet-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(memory) })
	unit := demotest.NewUnit(t, demotest.Settings{Device: audiotest.Device, Parties: []string{"room"}, Reserve: "1000h",
		Spool: memory})
	demo := unit.Start(t)
	demo.Warns("spool-full")
	demo.Until("the refusal", func(p demotest.Panel) bool { return p.Phase == "fault" && p.StatusLight == "flash" })
	refused(t, demo, "spool-full")
}

// When the unit is stopped while it records, it ends the recording properly.
func TestStopWhileRecording(t *testing.T) {
	t.Parallel()
	room := audiotest.NewPulse(t)
	speak(t, room)
	unit := demotest.NewUnit(t, demotest.Settings{Device: audiotest.Device})
	demo := unit.Start(t, room.Env()...)
	demo.Consent()
	file := demo.Until("a second", demotest.Recorded(1, 1)).Recordings[0].File
	if code := demo.Stop(); code != 0 {
		t.Errorf("it exits with %d", code)
	}
	sound, _ := unit.Open(t, file)
	samples := decode(t, sound)
	oneRun(t, samples)
	rep := unit.Report(t, file)
	if rep.State.String() != "whole" || rep.End.Reason != "stopped" || rep.End.Samples != int64(len(samples)) {
		t.Errorf("%d samples, and it is %v: %+v", len(samples), rep.State, rep.End)
	}
	if len(rep.Closing) != 1 || rep.Closing[0].Act != "lapsed" || rep.Closing[0].Cause != "stopped" {
		t.Errorf("its closing acts are %+v", rep.Closing)
	}
}
