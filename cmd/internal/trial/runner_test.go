package trial

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tacet/cmd/internal/rootfile"
	"tacet/daemon/update"
)

// machine is a unit with systemd, a package manager, and a disk that keeps what was written. It is
// driven by looks: each is five seconds.
type machine struct {
	t     *testing.T
	dir   string
	runs  string         // the version whose process runs; empty: none
	sick  map[string]int // versions that don't work, with their exit code; 0: they can't record
	boots int
	exit  int // of the last process
	exits time.Duration
	pid   int
	died  int
	read  bool // systemd has read the drop-in as it is
	calls int  // changes so far
	cutAt int  // the change at which the power is cut; 0: never
	after bool // the change has been made when the power is cut
	kill  bool // only the checker is killed, and systemd starts it again
	tried []string
	began time.Time
	next  string        // the version for which the running one ends
	rest  time.Duration // when it does
}

var errCut = errors.New("the power is cut")

func newMachine(t *testing.T) *machine {
	m := &machine{t: t, dir: t.TempDir(), sick: map[string]int{}, began: time.Now(), pid: os.Getpid()}
	for _, dir := range []string{"state", "previous", "system"} {
		if err := os.Mkdir(filepath.Join(m.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	m.install("1")
	m.boot()
	return m
}

func (m *machine) path(names ...string) string {
	return filepath.Join(append([]string{m.dir}, names...)...)
}

func (m *machine) put(path, text string) {
	m.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// install is what dpkg does. The copy of the one before is preinst's, and as the package does it
// only if that is proven.
func (m *machine) install(version string) {
	m.t.Helper()
	if proven, err := os.ReadFile(m.path("state", "proven")); err == nil {
		if old, _ := os.ReadFile(m.path("version")); strings.HasSuffix(string(proven), " "+string(old)) {
			m.put(m.path("previous", "tacetd"), string(old))
		}
	}
	m.put(m.path("version"), version+"\n")
}

func (m *machine) installed() string {
	v, err := update.Installed(m.path("version"))
	if err != nil {
		m.t.Fatal(err)
	}
	return v
}

func (m *machine) dropIn() string { return m.path("system", "tacetd.service.d", "50-update.conf") }

// start starts the program that systemd would.
func (m *machine) start() {
	m.runs = m.installed()
	if _, err := os.Stat(m.dropIn()); err == nil && m.read {
		previous, err := os.ReadFile(m.path("previous", "tacetd"))
		if err != nil {
			m.t.Fatalf("systemd starts a program that is not there: %v", err)
		}
		m.runs = strings.TrimSpace(string(previous))
	}
	m.tried = append(m.tried, m.runs)
	if exit := m.sick[m.runs]; exit != 0 {
		m.runs, m.exit, m.exits = "", exit, time.Since(m.began)
	}
}

func (m *machine) boot() {
	m.boots++
	m.read, m.died = true, 0
	m.start()
	s, _ := update.Read(m.path("state"))
	if last := m.tried[len(m.tried)-1]; s.Find(last) != nil {
		m.t.Errorf("%s has failed, and is started after a power cut", last)
	}
}

// rests is the daemon that ends for another version; systemd starts what is to run now.
func (m *machine) rests() {
	m.died++
	m.start()
}

// change is one change of the disk or of systemd, at which the power may be cut.
func (m *machine) change(do func() error) error {
	m.calls++
	cut := m.calls == m.cutAt
	if cut && !m.after {
		return errCut
	}
	err := do()
	if cut {
		return errCut
	}
	return err
}

func (m *machine) Look(context.Context, string) (Seen, error) {
	if m.next != "" && m.runs != m.next && m.read && time.Since(m.began) >= m.rest {
		m.rests()
	}
	s := Seen{
		At: time.Since(m.began), Fed: time.Since(m.began), Watched: true, Boot: fmt.Sprint(m.boots), Restarts: m.died,
		Active: "active", PID: m.pid, Reported: true, Version: m.runs, Exit: m.exit, ExitAt: m.exits, Blocking: []string{},
	}
	s.Installed = m.runs == m.installed()
	if exit, sick := m.sick[m.runs]; sick && exit == 0 {
		s.Blocking = append(s.Blocking, "mic-fault")
	}
	if m.runs == "" {
		s.PID, s.Reported, s.Installed, s.Active = 0, false, false, "activating"
		if s.Active = "failed"; m.exit != exitConfig {
			s.Active = "activating"
			m.died++
			m.start() // systemd tries again
		}
	}
	return s, nil
}

func (m *machine) Loaded(context.Context) (bool, error) { return m.read, nil }

func (m *machine) Reload(context.Context) error {
	return m.change(func() error { m.read = true; return nil })
}

func (m *machine) Restart(context.Context) error {
	return m.change(func() error { m.start(); return nil })
}

// check runs update-check until it ends. It starts with the service, so it runs again after a power
// cut, at which the machine starts anew.
func (m *machine) check() error {
	r := Runner{
		Program: m.path("tacetd"), Previous: m.path("previous", "tacetd"), Installed: m.path("version"),
		Dir: m.path("state"), DropIn: m.dropIn(), Service: m, Say: m.t.Logf,
		Files: Files{
			Write: func(path string, data []byte) error {
				return m.change(func() error { m.stale(path); return rootfile.Write(path, data) })
			},
			Remove: func(path string) error {
				return m.change(func() error { m.stale(path); return rootfile.Remove(path) })
			},
		},
	}
	err := r.Run(m.t.Context())
	if errors.Is(err, errCut) {
		m.t.Logf("the power is cut at change %d", m.calls)
		m.cutAt = 0
		if !m.kill {
			m.boot()
		}
		return m.check()
	}
	return err
}

// stale notes that systemd has not read the drop-in as it is now.
func (m *machine) stale(path string) {
	if path == m.dropIn() {
		m.read = false
	}
}

func (m *machine) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

// everyCut plays a scene with the power cut at each change, before it is made and after; and with the
// checker killed then.
func everyCut(t *testing.T, scene func(m *machine)) {
	for cut := 0; ; cut++ {
		most := 0
		for _, how := range [][2]bool{{false, false}, {false, true}, {true, false}, {true, true}} {
			kill, after := how[0], how[1]
			t.Run(fmt.Sprintf("cut %d, made %v, only the checker %v", cut, after, kill), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					m := newMachine(t)
					m.must(m.check())
					m.calls, m.cutAt, m.after, m.kill = 0, cut, after, kill
					scene(m)
					most = max(most, m.calls)
				})
			})
		}
		if t.Failed() || cut > most {
			return
		}
	}
}

func TestTheFirstVersionIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.must(m.check())
		data, _ := os.ReadFile(m.path("state", "proven"))
		if sum, version, _ := strings.Cut(string(data), " "); version != "1\n" || len(sum) != 64 {
			t.Errorf("proven is %q", data)
		}
	})
}

func TestANewVersionIsKept(t *testing.T) {
	everyCut(t, func(m *machine) {
		m.install("2")
		m.rests()
		m.must(m.check())
		if m.runs != "2" {
			m.t.Errorf("%s runs", m.runs)
		}
		if s, _ := update.Read(m.path("state")); s.Trial != nil || len(s.Failed) > 0 {
			m.t.Errorf("the state is %+v", s)
		}
	})
}

// A version that doesn't work is gone back from, wherever the power is cut; once it has failed it is
// not started again; the next one is tried like any other.
func TestAVersionThatFails(t *testing.T) {
	for what, exit := range map[string]int{"its config": 78, "it ends": 1, "it can't record": 0} {
		t.Run(what, func(t *testing.T) {
			everyCut(t, func(m *machine) {
				m.sick["2"] = exit
				m.install("2")
				m.rests()
				m.must(m.check())
				m.goesBackTo("1", "2")
				m.install("3")
				m.must(m.check2("3"))
				if _, err := os.Stat(m.dropIn()); err == nil || m.runs != "3" {
					m.t.Errorf("%s runs, and of the drop-in: %v", m.runs, err)
				}
			})
		})
	}
}

// check2 is check for a version that is installed while the previous one runs, which then ends for
// it.
func (m *machine) check2(version string) error {
	m.next, m.rest = version, time.Since(m.began)+time.Minute
	defer func() { m.next = "" }()
	return m.check()
}

func (m *machine) goesBackTo(version, failed string) {
	m.t.Helper()
	s, err := update.Read(m.path("state"))
	if err != nil || s.Find(failed) == nil || s.Trial != nil {
		m.t.Fatalf("the state is %+v, %v", s, err)
	}
	m.tried = nil
	for range 3 {
		m.boot()
		m.must(m.check())
	}
	for _, v := range m.tried {
		if v != version {
			m.t.Fatalf("after it has failed, %q are started", m.tried)
		}
	}
	if m.runs != version {
		m.t.Errorf("%s runs", m.runs)
	}
	u := update.Unit{Running: version, Installed: m.path("version"), Dir: m.path("state"), Program: m.path("version")}
	if f := u.Look(); f.Failed == nil || f.Waiting != "" {
		m.t.Errorf("the running version finds %+v", f)
	}
}

// The only version there is can't be gone back from.
func TestWithoutAVersionBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.sick["1"], m.runs, m.exit = 78, "", 78
		m.exits = time.Since(m.began)
		m.must(m.check())
		if s, _ := update.Read(m.path("state")); len(s.Failed) > 0 {
			t.Errorf("the state is %+v", s)
		}
	})
}

// A person may let a version be tried again.
func TestAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.must(m.check())
		m.sick["2"] = 78
		m.install("2")
		m.rests()
		m.must(m.check())
		r := Runner{Installed: m.path("version"), Dir: m.path("state"), DropIn: m.dropIn(), Service: m}
		version, err := r.Again(t.Context())
		if err != nil || version != "2" {
			t.Fatalf("again: %q, %v", version, err)
		}
		delete(m.sick, "2")
		m.rests()
		m.must(m.check())
		if m.runs != "2" {
			t.Errorf("%s runs", m.runs)
		}
		if _, err := r.Again(t.Context()); err == nil {
			t.Error("a version that works is tried again")
		}
	})
}

// A state that can't be read doesn't keep a person from it: the drop-in knows what has failed.
func TestAgainWithABrokenState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.must(m.check())
		m.sick["2"] = 78
		m.install("2")
		m.rests()
		m.must(m.check())
		m.put(m.path("state", "state.json"), "{")
		r := Runner{Installed: m.path("version"), Dir: m.path("state"), DropIn: m.dropIn(), Service: m,
			Say: func(string, ...any) {}}
		if version, err := r.Again(t.Context()); err != nil || version != "2" {
			t.Fatalf("again: %q, %v", version, err)
		}
	})
}

// A state that can't be read forgets what it knew, and does no harm.
func TestABrokenState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.must(m.check())
		m.put(m.path("state", "state.json"), "{")
		m.sick["2"] = 78
		m.install("2")
		m.rests()
		m.must(m.check())
		m.goesBackTo("1", "2")
		m.put(m.path("state", "state.json"), "{") // the drop-in remembers
		m.must(m.check())
		m.goesBackTo("1", "2")
	})
}
