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
	"tacet/cmd/internal/stores"
	"tacet/config"
	"tacet/daemon/health"
	"tacet/daemon/spool"
	"tacet/daemon/store"
	"tacet/daemon/store/local"
	"tacet/daemon/trust"
	"tacet/hw"
	"tacet/hw/hwtest"
)

// fakeMic looks at the light when it is opened and when it is closed.
type fakeMic struct {
	board   *hwtest.Board
	present error
	heard   audio.Heard
	err     error
	hold    time.Duration // how long it stays open; 0: as long as it is asked to

	lit []gpio.Level // at each opening and closing
}

func (m *fakeMic) Present() (bool, error) { return true, m.present }

func (m *fakeMic) Probe(ctx context.Context, length time.Duration) (audio.Heard, error) {
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

// hands press what they are asked to press; who answers what is said.
type hands func(said string)

func (h hands) Write(p []byte) (int, error) {
	h(string(p))
	return len(p), nil
}

// patient is a unit that doctor looks at: two buttons, a light with a sense line, one recipient of
// each call.
type patient struct {
	*doctor
	t     *testing.T
	unit  *unit
	board *hwtest.Board
	mic   *fakeMic
	out   bytes.Buffer
	asked []string // what the technician was told
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
	b := hwtest.NewBoard("GPIO5", "GPIO6", "GPIO22", "GPIO27")
	b.Connect("GPIO27", "GPIO22")
	p := &patient{t: t, unit: u, board: b, mic: &fakeMic{board: b, heard: audio.Heard{Frames: 48000}}}
	p.doctor = &doctor{
		env: &cli.Env{Name: "tacetd", Stdout: &p.out, Stderr: hands(p.press), Terminal: true},
		cfg: u.load(), status: filepath.Join(u.run, statusFile),
		open: func(context.Context) (*hw.Panel, error) { return hw.OpenOn(b, wiring(u.load())) },
		mic:  p.mic, clock: fakeClock(true),
		cards:     func() ([]audio.Card, error) { return []audio.Card{{Number: 1, ID: "Device", PCMs: []int{0}}}, nil },
		offers:    p.offer,
		lockLimit: func(context.Context) (string, error) { return "infinity", nil },
		kind: func(s config.Store, _ trust.Judge) store.Kind {
			return &local.Folder{Path: s.Path, UnmountedOK: s.UnmountedOK, Mounts: stores.Table}
		},
	}
	return p
}

// offer is what the cards answer; they are opened for it.
func (p *patient) offer(_ context.Context, device string) (string, error) {
	p.mic.lit = append(p.mic.lit, p.board.Level("GPIO27"))
	if device != "hw:CARD=Device,DEV=0" {
		return "", audio.ErrMissing
	}
	return "channels = 1: rate = 44100, 48000", nil
}

// press does as the technician is asked.
func (p *patient) press(said string) {
	p.asked = append(p.asked, said)
	for party, line := range map[string]string{"patient": "GPIO5", "clinician": "GPIO6"} {
		if strings.Contains(said, "press and release the button of "+party) {
			p.board.Drive(line, gpio.Low)
			p.board.Float(line)
		}
	}
}

// says checks that there is a line that begins like this and holds these words.
func (p *patient) says(begin string, words ...string) {
	p.t.Helper()
	for line := range strings.Lines(p.out.String()) {
		if strings.HasPrefix(line, begin) &&
			!slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			return
		}
	}
	p.t.Errorf("no line %q with %q in\n%s", begin, words, &p.out)
}

// exits checks what the whole comes to.
func (p *patient) exits(code int) {
	p.t.Helper()
	if got := cli.Code(p.verdict()); got != code {
		p.t.Errorf("exit code %d, want %d:\n%s", got, code, &p.out)
	}
}

// dark checks that the microphone was open only in the light, and that nothing holds the lines any
// more.
func (p *patient) dark() {
	p.t.Helper()
	if slices.Contains(p.mic.lit, gpio.Low) {
		p.t.Errorf("the microphone was open in the dark: %v", p.mic.lit)
	}
	if bool(p.board.Level("GPIO27")) || p.board.Held("GPIO27") || p.board.Held("GPIO5") {
		p.t.Error("the light stays on, or a line is held")
	}
}

func bare(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
			t.Errorf("left behind in %s: %v, %v", dir, list, err)
		}
	}
}

const office = "[[store]]\nname = \"office\"\nkind = \"folder\"\nunmounted_ok = true\npath = "

func TestDoctorOfAUnitThatIsWell(t *testing.T) {
	copies := t.TempDir()
	p := newPatient(t, office+strconv.Quote(copies)+"\n")
	before, err := os.Stat(p.cfg.Spool.Path)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) { p.try(t.Context()) })
	if after, err := os.Stat(p.cfg.Spool.Path); err != nil || after.ModTime().Equal(before.ModTime()) {
		t.Errorf("nothing was written into the spool: %v", err)
	}
	p.says("ok         memory: the service may lock all of it (LimitMEMLOCK=infinity)")
	p.says("ok         encryption: a recording's key was made")
	p.says("ok         recipient: age1pq1", "(hybrid, post-quantum), fingerprint ")
	p.says("ok         button of patient (GPIO5): pressed and released")
	p.says("ok         button of clinician (GPIO6): pressed and released")
	p.says("ok         light: GPIO27 flashed and was lit; proved: the sense line GPIO22")
	p.says("ok         microphone: hw:CARD=NoSuchCard,DEV=0 brought 48000 samples at 48000 Hz while the light was on; nothing was kept")
	p.says(`ok         sound card: device = "hw:CARD=Device,DEV=0": channels = 1: rate = 44100, 48000`)
	p.says("ok         spool "+p.cfg.Spool.Path+": was written, read and cleaned up; ", " h of room")
	p.says("ok         store office (folder): takes copies, and nothing was left there: folder " + copies)
	p.says("not tried  broker: none is configured")
	p.says("ok         clock: set by a time server: Sat, 21 Nov 2026")
	p.exits(0)
	p.dark()
	if n := len(p.mic.lit); n < 3 {
		t.Errorf("the microphone was opened and closed %d times", n)
	}
	bare(t, copies, p.cfg.Spool.Path)
	if !strings.Contains(strings.Join(p.asked, ""), "nothing is recorded") {
		t.Errorf("the technician was told %q", p.asked)
	}
	lock, err := spool.Lock(p.cfg.Spool.Path)
	if err != nil {
		t.Fatalf("the spool stays locked: %v", err)
	}
	lock.Close()
}

// Whom the unit gives nothing doctor doesn't call well: beside the daemon, nor after it was stopped
// for doctor.
func TestDoctorSaysWhomTheUnitGivesNothing(t *testing.T) {
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
			if err := os.WriteFile(p.status, data, 0o600); err != nil {
				t.Fatal(err)
			}
		} else {
			p.report = r
		}
		synctest.Test(t, func(t *testing.T) { p.try(t.Context()) })
		p.says("FAIL       recipient: "+key[:12], "gets nothing that is recorded", `"sudo tacetd confirm"`)
		p.says("FAIL       trust: the unit says: none is known")
		p.says("FAIL       trust: the unit says: who is this drive?")
		if strings.Contains(p.out.String(), "yesterday") {
			t.Error("what is no matter of trust is said to be one")
		}
		p.exits(1)
	}
}

// Each fault makes its own part fail, and no other.
func TestDoctorFindsFaults(t *testing.T) {
	for name, c := range map[string]struct {
		more  string
		fault func(p *patient)
		says  []string
		lit   int // how often the microphone was touched, at most
	}{
		"no clock": {fault: func(p *patient) { p.clock = fakeClock(false) },
			says: []string{"FAIL       clock: not set", "timedatectl"}, lit: 9},
		"memory that may not be locked": {
			fault: func(p *patient) { p.lockLimit = func(context.Context) (string, error) { return "8388608", nil } },
			says:  []string{"FAIL       memory: the service may lock only 8388608 bytes", "LimitMEMLOCK=infinity"}, lit: 9,
		},
		"no lines": {
			fault: func(p *patient) {
				p.board = hwtest.NewBoard("GPIO5", "GPIO6")
				p.open = func(context.Context) (*hw.Panel, error) { return hw.OpenOn(p.board, wiring(p.cfg)) }
			},
			says: []string{"FAIL       buttons and light: light: line GPIO27 not found; there are GPIO5, GPIO6", "gpioinfo"},
		},
		"light that can't be driven": {
			fault: func(p *patient) {
				p.open = func(context.Context) (*hw.Panel, error) {
					panel, err := hw.OpenOn(p.board, wiring(p.cfg))
					p.board.Fail("GPIO27", hwtest.Out, syscall.EIO)
					return panel, err
				}
			},
			says: []string{"FAIL       light: GPIO27: drive line GPIO27: input/output error"},
		},
		"light that isn't seen": {
			fault: func(p *patient) {
				b := hwtest.NewBoard("GPIO5", "GPIO6", "GPIO22", "GPIO27")
				p.board, p.mic.board = b, b
				p.open = func(context.Context) (*hw.Panel, error) { return hw.OpenOn(b, wiring(p.cfg)) }
			},
			says: []string{"FAIL       light: ", "the light was made lit, and the sense line GPIO22 sees it dark"},
		},
		"no microphone": {fault: func(p *patient) { p.mic.present = audio.ErrMissing },
			says: []string{"FAIL       microphone: there is no such sound card"}, lit: 1},
		"another rate": {fault: func(p *patient) { p.mic.err = audio.ErrRate },
			says: []string{"FAIL       microphone: the card can't do"}, lit: 9},
		"muted": {fault: func(p *patient) { p.mic.heard.Dead = true },
			says: []string{"FAIL       microphone: ", "hears nothing"}, lit: 9},
		"a pace of its own": {
			fault: func(p *patient) { p.mic.heard.Rate, p.mic.heard.Off = 44100, true },
			says:  []string{"FAIL       microphone: ", "says 48000 Hz and delivers 44100 samples a second"}, lit: 9,
		},
		"dumb": {fault: func(p *patient) { p.mic.heard.Frames = 0 },
			says: []string{"FAIL       microphone: ", "delivers nothing"}, lit: 9},
		"no spool": {fault: func(p *patient) { os.Remove(p.cfg.Spool.Path) },
			says: []string{"FAIL       spool ", "there is no such folder: mount the disk"}, lit: 9},
		"no room": {fault: func(p *patient) { p.cfg.Spool.Reserve = 1e6 * time.Hour },
			says: []string{"FAIL       spool ", "the reserve is"}, lit: 9},
		"nobody can read it": {fault: func(p *patient) { p.cfg.Encrypt.Recipients[0] += "x" },
			says: []string{"FAIL       encryption: "}, lit: 9},
		"a store that is away": {more: office + `"/nowhere/at/all"` + "\n",
			says: []string{"FAIL       store office (folder): /nowhere/at/all is not there"}, lit: 9},
		"a store that hangs": {
			more:  office + `"/nowhere"` + "\n",
			fault: func(p *patient) { p.kind = func(config.Store, trust.Judge) store.Kind { return hanging{p} } },
			says:  []string{"FAIL       store office (folder): no answer in 20s: it hangs"}, lit: 9,
		},
		"a broker that is away": {more: "[mqtt]\nbroker = \"mqtt://127.0.0.1:1\"\n",
			says: []string{"FAIL       broker mqtt://127.0.0.1:1: nothing listens at the broker's address", "start the broker"},
			lit:  9},
		"a button that is held": {
			fault: func(p *patient) { p.board.Drive("GPIO6", gpio.Low) },
			says:  []string{"FAIL       button of clinician (GPIO6): reads as pressed"}, lit: 9,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient(t, c.more)
			if c.fault != nil {
				c.fault(p)
			}
			synctest.Test(t, func(t *testing.T) {
				p.hang = make(chan struct{})
				defer close(p.hang)
				p.try(t.Context())
			})
			p.says(c.says[0], c.says[1:]...)
			if n := strings.Count(p.out.String(), "FAIL "); n != 1 {
				t.Errorf("%d parts fail:\n%s", n, &p.out)
			}
			if len(p.mic.lit) > c.lit {
				t.Errorf("the microphone was touched %d times", len(p.mic.lit))
			}
			p.exits(1)
			if slices.Contains(p.mic.lit, gpio.Low) {
				t.Error("the microphone was open in the dark")
			}
		})
	}
}

// hanging is a place whose kernel never answers.
type hanging struct{ *patient }

func (h hanging) Open(context.Context) (store.Medium, error) {
	<-h.hang
	return nil, errors.New("the test is over")
}

func (hanging) Changed() <-chan struct{} { return nil }

func TestDoctorAtAButton(t *testing.T) {
	for name, c := range map[string]struct {
		press func(p *patient, said string)
		says  []string
	}{
		"nobody presses": {func(*patient, string) {},
			[]string{"FAIL       button of patient (GPIO5): no press was seen within 15s"}},
		"it sticks": {
			func(p *patient, said string) {
				if strings.Contains(said, "press and release the button of patient") {
					p.board.Drive("GPIO5", gpio.Low)
				}
			},
			[]string{"FAIL       button of patient (GPIO5): was pressed, and not released"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPatient(t, "")
			p.env.Stderr = hands(func(said string) { c.press(p, said) })
			synctest.Test(t, func(t *testing.T) { p.try(t.Context()) })
			p.says(c.says[0], c.says[1:]...)
			p.exits(1)
		})
	}

	// The other one's line is named, and the right one still counts.
	p := newPatient(t, "")
	p.env.Stderr = hands(func(said string) {
		p.asked = append(p.asked, said)
		switch {
		case strings.Contains(said, "press and release the button of patient"):
			p.board.Drive("GPIO6", gpio.Low)
			p.board.Float("GPIO6")
		case strings.Contains(said, "that is the button of clinician"):
			p.press("press and release the button of patient")
		default:
			p.press(said)
		}
	})
	synctest.Test(t, func(t *testing.T) { p.try(t.Context()) })
	p.says("ok         button of patient (GPIO5): pressed and released")
	if !slices.ContainsFunc(p.asked,
		func(s string) bool { return strings.Contains(s, "that is the button of clinician (GPIO6)") }) {
		t.Errorf("the technician was told %q", p.asked)
	}

	// Without anybody there the lines are only read.
	p = newPatient(t, "")
	p.env.Terminal = false
	synctest.Test(t, func(t *testing.T) { p.try(t.Context()) })
	p.says("not tried  button of patient (GPIO5): reads as not pressed")
	p.exits(0)
	if len(p.asked) > 0 {
		t.Errorf("nobody is there, and is told %q", p.asked)
	}
}

// The light goes out while the microphone is open: it is closed at once.
func TestDoctorClosesTheMicrophoneWhenTheLightFails(t *testing.T) {
	p := newPatient(t, "")
	p.mic.hold = time.Hour
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		time.AfterFunc(1500*time.Millisecond, func() { p.board.Drive("GPIO22", gpio.Low) })
		p.try(t.Context())
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
	p.says("FAIL       light: ", "the sense line saw the light go out")
	p.exits(1)
}

// A sound library that hangs may have the microphone open: the light stays on.
func TestDoctorLeavesTheLightOnWhereTheMicrophoneIsStuck(t *testing.T) {
	p := newPatient(t, "")
	p.mic.err = audio.ErrStuck
	synctest.Test(t, func(t *testing.T) { p.try(t.Context()) })
	p.says("FAIL       microphone: ", "hangs")
	if !bool(p.board.Level("GPIO27")) || !p.board.Held("GPIO27") {
		t.Error("the light is dark, and the microphone may be open")
	}
	if !strings.Contains(strings.Join(p.asked, ""), "lights-out") {
		t.Errorf("the technician is told %q", p.asked)
	}
	p.board.Kill()
}

func TestDoctorIsInterrupted(t *testing.T) {
	p := newPatient(t, "")
	p.mic.hold = time.Hour
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // the microphone is open by then
		defer cancel()
		p.try(ctx)
	})
	p.dark()
	if len(p.mic.lit) < 2 || strings.Contains(p.out.String(), "FAIL") || strings.Contains(p.out.String(), "clock") {
		t.Errorf("%v\n%s", p.mic.lit, &p.out)
	}
}

// Beside a running daemon neither light nor microphone nor buttons nor the spool's files are
// touched.
func TestDoctorBesideADaemon(t *testing.T) {
	for name, run := range map[string]func(t *testing.T, p *patient){
		"that says so": func(t *testing.T, p *patient) {
			if err := os.WriteFile(p.status, []byte(`{"pid":1,"phase":"idle","mic":"ok","light":"proved"}`), 0o600); err != nil {
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
			p.open = func(context.Context) (*hw.Panel, error) {
				t.Error("the lines are taken")
				return nil, errors.New("taken")
			}
			before, err := os.Stat(p.cfg.Spool.Path)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) { p.try(t.Context()) })
			for _, part := range []string{"buttons", "light", "microphone"} {
				p.says("not tried  "+part+": ", "-stop")
			}
			p.says("ok         sound card: ", "hw:CARD=Device,DEV=0")
			p.says("ok         spool ", "looks writable", "h of room")
			p.says("ok         store office (folder)")
			p.says("ok         recipient: ")
			p.exits(0)
			if len(p.mic.lit) > 0 {
				t.Error("the microphone was touched")
			}
			if after, err := os.Stat(p.cfg.Spool.Path); err != nil || !after.ModTime().Equal(before.ModTime()) {
				t.Errorf("something was written into the daemon's spool: %v", err)
			}
		})
	}
}
