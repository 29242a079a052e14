package mounts

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tacet/daemon/store/local/mounts/mountstest"
)

const patience = 20 * time.Second

// told waits for a notification.
func told(t *testing.T, c <-chan struct{}, of string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("nobody was told of %s", of)
	}
}

func TestWatchSeesMounts(t *testing.T) {
	if !mountstest.Namespaced(t) {
		return
	}
	point := filepath.Join(t.TempDir(), "a b")
	if err := os.Mkdir(point, 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	one, two := w.Subscribe(), w.Subscribe()
	find := func() (Mount, bool) {
		table, err := Read()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(table, func(m Mount) bool { return m.Point == point })
		if i < 0 {
			return Mount{}, false
		}
		return table[i], true
	}
	do := func(what string, call func() error) {
		t.Helper()
		if err := call(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		told(t, one, what)
		told(t, two, what)
	}
	if m, found := find(); found {
		t.Errorf("before: %+v", m)
	}
	do("the mount", func() error { return unix.Mount("memory", point, "tmpfs", 0, "") })
	if m, found := find(); !found || m.FSType != "tmpfs" || m.Source != "memory" || m.ReadOnly || m.Root != "/" {
		t.Errorf("mounted: %+v, %v", m, found)
	}
	do("the remount", func() error { return unix.Mount("", point, "", unix.MS_REMOUNT|unix.MS_RDONLY, "") })
	if m, found := find(); !found || !m.ReadOnly {
		t.Errorf("mounted again, read-only: %+v, %v", m, found)
	}
	do("the unmount", func() error { return unix.Unmount(point, 0) })
	if m, found := find(); found {
		t.Errorf("after: %+v", m)
	}
}

// A device node that goes is reported, once things have settled, even if nothing was unmounted.
func TestWatchSeesNodes(t *testing.T) {
	if !mountstest.Namespaced(t) {
		return
	}
	if err := unix.Mount("dev", "/dev", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	w, err := Watch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := w.Subscribe()
	if err := os.WriteFile("/dev/sda1", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	told(t, c, "a node that came")
	if err := os.Remove("/dev/sda1"); err != nil {
		t.Fatal(err)
	}
	told(t, c, "a node that went")
}

// A subscriber that doesn't receive has one value waiting, and blocks nobody.
func TestReceiptsWait(t *testing.T) {
	w := &Watcher{}
	slow, quick := w.Subscribe(), w.Subscribe()
	for range 3 {
		w.notify()
		<-quick
	}
	<-slow
	select {
	case <-slow:
		t.Error("changes pile up")
	default:
	}
}

// The watcher ends with its context, and closes everything.
func TestWatchEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l, err := listen()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan bool)
	go func() { ended <- l.wait() }()
	context.AfterFunc(ctx, l.wake)
	cancel()
	select {
	case changed := <-ended:
		if changed && l.wait() {
			t.Error("it goes on")
		}
	case <-time.After(patience):
		t.Fatal("it waits for ever")
	}
	l.close()
}

// The kernel's own table can be parsed.
func TestReadOwnTable(t *testing.T) {
	table, err := Read()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(table, func(m Mount) bool { return m.Point == "/proc" && m.FSType == "proc" }) {
		t.Errorf("no /proc in %+v", table)
	}
}
