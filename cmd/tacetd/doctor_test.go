package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"
	"periph.io/x/conn/v3/gpio"

	"tacet/audio"
	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/diagnosis"
	"tacet/cmd/internal/diagnosis/host"
	"tacet/cmd/internal/diagnosis/mixer"
	"tacet/config"
	"tacet/daemon/health"
	"tacet/daemon/spool"
	"tacet/daemon/store"
	"tacet/daemon/store/local"
	"tacet/daemon/store/local/mounts"
	"tacet/daemon/trust"
	"tacet/hw"
	"tacet/hw/hwtest"
)

// fakeMic reads the light whenever it is opened or closed.
type fakeMic struct {
	board   *hwtest.Board
	present error
	heard   audio.Heard
	err     error
	hold    time.Duration // how long it stays open; 0 for as long as it is asked to

	lit []gpio.Level // at each opening and closing
}

func (m *fakeMic) Present() (bool, error) { return true, m.present }

func (m *fakeMic) Probe(ctx context.Context, length time.Duration, level func(float64)) (audio.Heard, error) {
	if level != nil {
		level(-30)
	}
	m.lit = append(m.lit, m.board.Level("GPIO27"))
	err := m.err
	over := time.NewTimer(max(length, m.hold))
	defer over.Stop()
	select {
	case <-over.C:
	case <-ctx.Done():
		err = ctx.Err()
	}
	m.lit = append(m.lit, m.board.Level("GPIO27"))
	return m.heard, err
}

type fakeClock bool

func (fakeClock) Now() time.Time { return time.Date(2026, 11, 21, 14, 3, 0, 0, time.UTC) }
func (c fakeClock) Synced() bool { return bool(c) }

func (fakeClock) Suspended() time.Duration { return 0 }

// hands stands for standard error: it acts on what the technician is asked.
type hands func(message string)

func (h hands) Write(p []byte) (int, error) {
	h(string(p))
	return len(p), nil
}

// patient is a healthy unit for doctor to try: two buttons, a light with a sense line, one
// recipient.
type patient struct {
	*doctor
	t     *testing.T
	unit  *unit
	board *hwtest.Board
	mic   *fakeMic
	out   bytes.Buffer
	asked []string // what was printed to the technician
	hang  chan struct{}
}

func newPatient(t *testing.T, more string) *patient {
	t.Helper()
	u := newUnit(t)
	data, err := os.ReadFile(u.config)
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), "style = \"latching\"\n", "")
	text = strings.Replace(text, `line = "GPIO27"`, "line = \"GPIO27\"\nsense = \"GPIO22\"", 1)
	text = strings.Replace(text, u.recipient, hybrid.Recipient().String(), 1) + more
	if err := os.WriteFile(u.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b := hwtest.NewBoard("GPIO5", "GPIO6", "GPIO22", "GPIO24", "GPIO27")
	b.Connect("GPIO27", "GPIO22")
	p := &patient{t: t, unit: u, board: b, mic: &fakeMic{board: b, heard: audio.Heard{Frames: 48000}}}
	p.doctor = &doctor{
		env: &cli.Env{Name: "tacetd", Stdout: &p.out, Stderr: hands(p.press), Terminal: true},
		cfg: u.load(), statusPath: filepath.Join(u.run, statusFile), path: u.config, host: host.Host{Root: t.TempDir()},
		mixer: func(context.Context, string) ([]mixer.Control, error) {
			return []mixer.Control{{Name: "Mic", Percent: 60}}, nil
		},
		openPanel: func(context.Context) (*hw.Panel, error) { return hw.OpenOn(b, wiring(u.load())) },
		mic:       p.mic, clock: fakeClock(true),
		cards:     func() ([]audio.Card, error) { return []audio.Card{{Number: 1, ID: "Device", PCMs: []int{0}}}, nil },
		formats:   p.cardFormats,
		lockLimit: func(context.Context) (string, error) { return "infinity", nil },
		storeKind: func(s config.Store, _ trust.Judge) store.Kind {
			return &local.Folder{Path: s.Path, UnmountedOK: s.UnmountedOK, Mounts: mounts.Read}
		},
	}
	p.found.Passed = func(f diagnosis.Finding) { p.env.Printf("%s\n", f.Line(false)) }
	return p
}

// cardFormats answers for the sound cards. As a real card is opened for it, it reads the light too.
func (p *patient) cardFormats(_ context.Context, device string) (string, error) {
	p.mic.lit = append(p.mic.lit, p.board.Level("GPIO27"))
	if device != "hw:CARD=Device,DEV=0" {
		return "", audio.ErrMissing
	}
	return "channels = 1: rate = 44100, 48000", nil
}

// press presses the button that the technician is asked to press.
func (p *patient) press(message string) {
	if !strings.Contains(message, "listening") { // the bar is drawn by another goroutine
		p.asked = append(p.asked, message)
	}
	for party, line := range map[string]string{"patient": "GPIO5", "clinician": "GPIO6"} {
		if strings.Contains(message, "press and release the button of "+party) {
			p.board.Drive(line, gpio.Low)
			p.board.Float(line)
		}
	}
}

// says checks that some line starts with start and contains words.
func (p *patient) says(start string, words ...string) {
	p.t.Helper()
	for line := range strings.Lines(p.out.String()) {
		if strings.HasPrefix(line, start) &&
			!slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			return
		}
	}
	p.t.Errorf("no line %q with %q in\n%s", start, words, &p.out)
}

// exits checks doctor's exit code.
func (p *patient) exits(code int) {
	p.t.Helper()
	if got := cli.Code(p.print(p.t.Context())); got != code {
		p.t.Errorf("exit code %d, want %d:\n%s", got, code, &p.out)
	}
}

// dark checks that the microphone was open only while the light was on, and that the lines have
// been released.
func (p *patient) dark() {
	p.t.Helper()
	if slices.Contains(p.mic.lit, gpio.Low) {
		p.t.Errorf("the microphone was open while the light was off: %v", p.mic.lit)
	}
	if bool(p.board.Level("GPIO27")) || p.board.Held("GPIO27") || p.board.Held("GPIO5") {
		p.t.Error("the light is still on, or a line is still held")
	}
}

// wantEmpty checks that doctor left nothing in these folders.
func wantEmpty(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
			t.Errorf("left behind in %s: %v, %v", dir, list, err)
		}
	}
}

const office = "[[store]]\nname = \"office\"\nkind = \"folder\"\nunmounted_ok = true\npath = "

func TestDoctorOnAHealthyUnit(t *testing.T) {
	copies := t.TempDir()
	p := newPatient(t, office+strconv.Quote(copies)+"\n")
	before, err := os.Stat(p.cfg.Spool.Path)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { p.tryParts(t.Context()) })
	if after, err := os.Stat(p.cfg.Spool.Path); err != nil || after.ModTime().Equal(before.ModTime()) {
		t.Errorf("nothing was written into the spool: %v", err)
	}
	p.says("ok         memory: the service may lock all of it (LimitMEMLOCK=infinity)")
	p.says("ok         encryption: made a recording's key")
	p.says("ok         recipient: age1pq1", "(hybrid, post-quantum), fingerprint ")
	p.says("ok         button of patient (GPIO5): pressed and released")
	p.says("ok         button of clinician (GPIO6): pressed and released")
	p.says("ok         light: GPIO27 flashed and was lit; proved: the sense line GPIO22")
	p.says("ok         microphone: hw:CARD=NoSuchCard,DEV=0 delivered 48000 samples while the light was on, " +
		"at 48000.0 Hz; nothing was kept")
	p.says(`ok         sound card: device = "hw:CARD=Device,DEV=0": channels = 1: rate = 44100, 48000`)
	p.says("ok         spool "+p.cfg.Spool.Path+": was written, read back and cleaned up; room for ", " h")
	p.says("ok         store office (folder): accepts copies, and nothing was left there: folder " + copies)
	p.says("not tried  broker: none is configured")
	p.says("ok         clock: set by a time server: Sat, 21 Nov 2026")
	p.exits(0)
	p.dark()
	if n := len(p.mic.lit); n < 3 {
		t.Errorf("the microphone was opened and closed %d times", n)
	}
	wantEmpty(t, copies, p.cfg.Spool.Path)
	if !strings.Contains(strings.Join(p.asked, ""), "nothing is recorded") {
		t.Errorf("the technician was asked %q", p.asked)
	}
	lock, err := spool.Lock(p.cfg.Spool.Path)
	if err != nil {
		t.Fatalf("the spool stays locked: %v", err)
	}
	lock.Close()
}

// Doctor sounds one tone, and says so, or why it could not.
func TestDoctorSoundsTheBuzzer(t *testing.T) {
	p := newPatient(t, "[buzzer]\nline = \"GPIO24\"\n")
	synctest.Test(t, func(t *testing.T) { p.tryParts(t.Context()) })
	p.says("ok         buzzer: GPIO24 is driven; a short tone has just sounded")
	if n := len(p.board.Past("GPIO24")); n != 2 || p.board.Held("GPIO24") {
		t.Errorf("its line changed %d times", n)
	}
	p.exits(0)

	p = newPatient(t, "[buzzer]\nline = \"GPIO24\"\n")
	synctest.Test(t, func(t *testing.T) {
		open := p.openPanel
		p.openPanel = func(ctx context.Context) (*hw.Panel, error) {
			panel, err := open(ctx)
			p.board.Fail("GPIO24", hwtest.Out, syscall.EIO)
			return panel, err
		}
		p.tryParts(t.Context())
	})
	p.says("FAIL       buzzer: drive line GPIO24: input/output error", "check the wiring, and [buzzer]")
	p.exits(1)
}

// Recipients and drives that get nothing fail, while the daemon runs and after doctor has stopped
// it.
func TestDoctorReportsWhoGetsNothing(t *testing.T) {
	for _, running := range []bool{true, false} {
		p := newPatient(t, "")
		key := p.cfg.Encrypt.Recipients[0]
		r := &report{
			PID: os.Getpid(), Unconfirmed: &unconfirmed{Recipients: []string{key}},
			Warnings: []warning{
				{Code: string(health.RecipientsBad), Message: "none is known"},
				{Code: string(health.DriveNew), Message: "who is this drive?"},
				{Code: string(health.RecordingInterrupted), Message: "yesterday"},
			},
		}
		if running {
			data, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p.statusPath, data, 0o600); err != nil {
				t.Fatal(err)
			}
		} else {
			p.lastReport = r
		}
		synctest.Test(t, func(t *testing.T) { p.tryParts(t.Context()) })
		p.says("FAIL       recipient: "+key[:12], "new to this unit, so it gets nothing", "sudo tacetd confirm")
		p.says("FAIL       trust: the unit reports: none is known")
		p.says("FAIL       trust: the unit reports: who is this drive?")
		if strings.Contains(p.out.String(), "yesterday") {
			t.Error("a warning that is no matter of trust is reported as one")
		}
		p.exits(1)
	}
}

// hanging is a store whose kernel calls never return.
type hanging struct{ *patient }

func (h hanging) Open(context.Context) (store.Medium, error) {
	<-h.hang
	return nil, errors.New("the test is over")
}

func (hanging) Changed() <-chan struct{} { return nil }

func TestDoctorAsksForPresses(t *testing.T) {
	for name, c := range map[string]struct {
		press func(p *patient, message string)
		says  []string
	}{
		"nobody presses": {func(*patient, string) {},
			[]string{"FAIL       button of patient (GPIO5): was not pressed within 15s"}},
		"it sticks": {
			func(p *patient, message string) {
				if strings.Contains(message, "press and release the button of patient") {
					p.board.Drive("GPIO5", gpio.Low)
				}
			},
			[]string{"FAIL       button of patient (GPIO5): was pressed but not released"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient(t, "")
			p.env.Stderr = hands(func(message string) { c.press(p, message) })
			synctest.Test(t, func(t *testing.T) { p.tryParts(t.Context()) })
			p.says(c.says[0], c.says[1:]...)
			p.exits(1)
		})
	}

	// A press of the wrong button names that button, and the right one still counts.
	p := newPatient(t, "")
	p.env.Stderr = hands(func(message string) {
		p.asked = append(p.asked, message)
		switch {
		case strings.Contains(message, "press and release the button of patient"):
			p.board.Drive("GPIO6", gpio.Low)
			p.board.Float("GPIO6")
		case strings.Contains(message, "that is the button of clinician"):
			p.press("press and release the button of patient")
		default:
			p.press(message)
		}
	})
	synctest.Test(t, func(t *testing.T) { p.tryParts(t.Context()) })
	p.says("ok         button of patient (GPIO5): pressed and released")
	if !slices.ContainsFunc(p.asked,
		func(s string) bool { return strings.Contains(s, "that is the button of clinician (GPIO6)") }) {
		t.Errorf("the technician was asked %q", p.asked)
	}

	// Without a terminal the lines are only read.
	p = newPatient(t, "")
	p.env.Terminal = false
	synctest.Test(t, func(t *testing.T) { p.tryParts(t.Context()) })
	p.says("not tried  button of patient (GPIO5): reads as not pressed")
	p.exits(0)
	if len(p.asked) > 0 {
		t.Errorf("without a terminal it printed %q", p.asked)
	}
}

// When the light goes out while the microphone is open, the microphone is closed at once.
func TestDoctorClosesTheMicrophoneWhenTheLightFails(t *testing.T) {
	p := newPatient(t, "")
	p.mic.hold = time.Hour
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		time.AfterFunc(1500*time.Millisecond, func() { p.board.Drive("GPIO22", gpio.Low) })
		p.tryParts(t.Context())
		if took := time.Since(start); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	p.says("FAIL       light: ", "the sense line saw the light go out")
	p.exits(1)
}

// A sound library that hangs may have the microphone open, so the light stays on.
func TestDoctorLeavesTheLightOnIfTheMicrophoneIsStuck(t *testing.T) {
	p := newPatient(t, "")
	p.mic.err = audio.ErrStuck
	synctest.Test(t, func(t *testing.T) { p.tryParts(t.Context()) })
	p.says("FAIL       microphone: ", "hangs")
	if !bool(p.board.Level("GPIO27")) || !p.board.Held("GPIO27") {
		t.Error("the light is off, and the microphone may be open")
	}
	if !strings.Contains(strings.Join(p.asked, ""), "lights-out") {
		t.Errorf("the technician was asked %q", p.asked)
	}
	p.board.Kill()
}

func TestDoctorIsInterrupted(t *testing.T) {
	p := newPatient(t, "")
	p.mic.hold = time.Hour
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // the microphone is open by then
		defer cancel()
		p.tryParts(ctx)
	})
	p.dark()
	if len(p.mic.lit) < 2 || strings.Contains(p.out.String(), "FAIL") || strings.Contains(p.out.String(), "clock") {
		t.Errorf("%v\n%s", p.mic.lit, &p.out)
	}
}

// While a daemon runs, light, microphone, buttons and the files of the spool are not touched.
func TestDoctorBesideADaemon(t *testing.T) {
	for name, run := range map[string]func(t *testing.T, p *patient){
		"that reports its status": func(t *testing.T, p *patient) {
			if err := os.WriteFile(p.statusPath, []byte(`{"pid":1,"phase":"idle","mic":"ok","light":"proved"}`), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"that only holds the lock": func(t *testing.T, p *patient) {
			lock, err := spool.Lock(p.cfg.Spool.Path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { lock.Close() })
		},
	} {
		t.Run(name, func(t *testing.T) {
			copies := t.TempDir()
			p := newPatient(t, office+strconv.Quote(copies)+"\n")
			run(t, p)
			p.openPanel = func(context.Context) (*hw.Panel, error) {
				t.Error("the lines were opened")
				return nil, errors.New("taken")
			}
			before, err := os.Stat(p.cfg.Spool.Path)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { p.tryParts(t.Context()) })
			for _, part := range []string{"buttons", "light", "microphone"} {
				p.says("not tried  "+part+": ", "-stop")
			}
			p.says("ok         sound card: ", "hw:CARD=Device,DEV=0")
			p.says("ok         spool ", "looks writable", "room for")
			p.says("ok         store office (folder)")
			p.says("ok         recipient: ")
			p.exits(0)
			if len(p.mic.lit) > 0 {
				t.Error("the microphone was opened")
			}
			if after, err := os.Stat(p.cfg.Spool.Path); err != nil || !after.ModTime().Equal(before.ModTime()) {
				t.Errorf("something was written into the daemon's spool: %v", err)
			}
		})
	}
}
