package ledger

import (
	"syscall"
	"testing"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
)

// hanging is a disk that signals when a sync starts to hang.
type hanging struct {
	*durabletest.Disk
	in chan struct{} // a sync is under way; nil: none is looked for
}

type hangingFile struct {
	durable.File
	h *hanging
}

func (h *hanging) Create(name string) (durable.File, error) { return h.file(h.Disk.Create(name)) }
func (h *hanging) Append(name string) (durable.File, error) { return h.file(h.Disk.Append(name)) }

func (h *hanging) file(f durable.File, err error) (durable.File, error) {
	if err != nil {
		return nil, err
	}
	return hangingFile{f, h}, nil
}

func (f hangingFile) Sync() error {
	if f.h.in != nil {
		f.h.in <- struct{}{}
	}
	return f.File.Sync()
}

// While the disk hangs in a sync, of whatever, Head and the others return at once what is on disk.
func TestNobodyWaitsForAHangingDisk(t *testing.T) {
	for what, act := range map[string]func(l *Ledger) error{
		"an entry":           func(l *Ledger) error { return l.Append(started(8)) },
		"saving the head":    (*Ledger).SaveHead,
		"closing":            (*Ledger).Close,
		"a new file":         func(l *Ledger) error { l.limit = 1; return l.Append(started(8)) },
		"making good":        func(l *Ledger) error { l.drop(); return l.Append(started(8)) },
		"an entry that ends": func(l *Ledger) error { l.Append(started(8)); return l.Append(started(9)) },
	} {
		t.Run(what, func(t *testing.T) {
			key, _ := unit(t)
			disk := &hanging{Disk: durabletest.NewDisk(1)}
			must(t, durable.WriteFile(disk, "ledger.broken.1", nil)) // so that there is something to say
			must(t, durable.WriteFile(disk, "ledger.new", nil))
			l := mustOpen(t, disk, key)
			must(t, l.Append(started(7)))
			head, size := string(l.Head()), l.Size()
			if what == "an entry that ends" {
				disk.FailOn("sync", 1, syscall.EIO, false)
			}
			release := disk.Hang()
			disk.in = make(chan struct{}, 16)
			done := make(chan struct{})
			var failed error
			go func() { defer close(done); failed = act(l) }()
			event(t, "sync", disk.in)

			asked := make(chan struct{})
			go func() {
				defer close(asked)
				if got := string(l.Head()); got != head || l.Size() != size {
					t.Errorf("the head is %q of %d, want that which is on the disk: %q of %d", got, l.Size(), head, size)
				}
				if code(l.Broken()) != "ledger-broken" || code(l.Missing()) != "ledger-new" {
					t.Errorf("it says %v and %v", l.Broken(), l.Missing())
				}
			}()
			event(t, "answer", asked)
			release()
			event(t, "end", done)
			must(t, failed)
		})
	}
}

func event(t *testing.T, what string, happens <-chan struct{}) {
	t.Helper()
	select {
	case <-happens:
	case <-time.After(20 * time.Second):
		t.Fatalf("no %s", what)
	}
}
