//go:build linux

package sftp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tacet/daemon/durable"
	"tacet/daemon/durable/durabletest"
	"tacet/daemon/health"
	"tacet/daemon/store"
	"tacet/daemon/store/sftp"
	"tacet/daemon/store/storetest"
)

// kind returns a unit's configuration for the server.
func kind(s *storetest.SSHD) sftp.Kind {
	return sftp.Kind{Addr: s.Addr, User: s.User, Path: s.Path, Key: s.Key, KnownHosts: s.KnownHosts}
}

func open(t *testing.T, k sftp.Kind) store.Folder {
	t.Helper()
	m, err := k.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m.(store.Folder)
}

// trouble expects a failure with that code, and all the words in its text.
func trouble(t *testing.T, err error, code health.Code, words ...string) {
	t.Helper()
	var got *store.Trouble
	if !errors.As(err, &got) || got.Code != code {
		t.Fatalf("the trouble is %v (%+v), want %s", err, got, code)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the trouble %q does not say %q", err, word)
		}
	}
}

func refused(t *testing.T, k sftp.Kind, code health.Code, words ...string) {
	t.Helper()
	m, err := k.Open(t.Context())
	if err == nil {
		m.Close()
	}
	trouble(t, err, code, words...)
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// noise returns size bytes without repetitions. Nobody may change them.
func noise(size int) []byte { return noises()[:size:size] }

var noises = sync.OnceValue(func() []byte {
	data := make([]byte, 32<<20)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
})

func readBack(t *testing.T, m store.Folder, name string) []byte {
	t.Helper()
	r, err := m.ReadBack(name)
	no(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	no(t, err)
	return data
}

func conforms(t *testing.T, options ...storetest.SSHOption) {
	durabletest.Conformance(t, func(t *testing.T) durabletest.Folder {
		server := storetest.StartSSHD(t, options...)
		at := func(name string) string { return filepath.Join(server.Dir, name) }
		return durabletest.Folder{
			FS: open(t, kind(server)).FS(),
			Mkdir: func(name string) {
				no(t, os.Mkdir(at(name), 0o777))
				no(t, os.Chmod(at(name), 0o777))
			},
			Symlink: func(name string) { no(t, os.Symlink("target", at(name))) },
			Pipe:    func(name string) { no(t, syscall.Mkfifo(at(name), 0o600)) },
		}
	})
}

func TestConforms(t *testing.T) { conforms(t) }

// A careful administrator confines the user to a folder, without a shell.
func TestConformsInChroot(t *testing.T) { conforms(t, storetest.Chroot) }

func TestCopyGrowsAndReadsBack(t *testing.T) {
	server := storetest.StartSSHD(t)
	m := open(t, kind(server))
	data := noise(5<<20 + 12345)
	f, err := m.FS().Create("a.tacet")
	no(t, err)
	for _, size := range []int{1, 40_000, 1 << 20, 3 << 20} {
		_, err := f.Write(data[:size])
		no(t, err)
		no(t, f.Sync())
		data = data[size:]
	}
	no(t, f.Close())
	f, err = m.FS().Append("a.tacet")
	no(t, err)
	_, err = f.Write(data)
	no(t, err)
	no(t, f.Close())
	data = noise(5<<20 + 12345)
	got := readBack(t, m, "a.tacet")
	if len(got) != len(data) {
		t.Fatalf("%d bytes are read back, want %d", len(got), len(data))
	}
	// The pieces were written from data's start, in order.
	if !bytes.Equal(got, data) {
		t.Error("what is read back is not what was written")
	}
	onDisk, err := os.ReadFile(filepath.Join(server.Dir, "a.tacet"))
	if err != nil || !bytes.Equal(onDisk, got) {
		t.Errorf("the server's disk holds something else: %v", err)
	}
}

// Reading back may stop in the middle, and returns an error afterwards.
func TestReadBackGivenUp(t *testing.T) {
	m := open(t, kind(storetest.StartSSHD(t)))
	no(t, durable.WriteFile(m.FS(), "a", noise(8<<20)))
	r, err := m.ReadBack("a")
	no(t, err)
	_, err = io.ReadFull(r, make([]byte, 3<<20))
	no(t, err)
	no(t, r.Close())
	r.Close()
	for range 4 {
		if _, err = r.Read(make([]byte, 1<<20)); err != nil {
			break
		}
	}
	if err == nil || err == io.EOF {
		t.Errorf("after its end reading gives %v", err)
	}
	if _, err := m.ReadBack("missing"); err == nil {
		t.Error("a missing copy is read back")
	}
}

// The server and its children are killed while a copy is written. Afterwards the copy continues
// where it really ends.
func TestServerKilledInMidWrite(t *testing.T) {
	server := storetest.StartSSHD(t)
	proxy := storetest.StartProxy(t, server.Addr)
	server.KnownAt(proxy.Port)
	k := kind(server)
	k.Addr = proxy.Addr
	m := open(t, k)
	data := noise(32 << 20)
	f, err := m.FS().Create("a")
	no(t, err)
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		proxy.WaitUp(4 << 20)
		server.Kill()
	}()
	for at := 0; err == nil && at < len(data); at += 1 << 20 {
		_, err = f.Write(data[at : at+1<<20])
	}
	<-killed
	if err == nil {
		t.Fatal("the server is dead, and all was written")
	}
	trouble(t, m.Check(err), "store-missing", "lost")
	f.Close()
	refused(t, k, "store-missing")

	server.Start()
	m = open(t, k)
	f, err = m.FS().Append("a")
	no(t, err)
	defer f.Close()
	same := samePrefix(t, f, data)
	if same == 0 {
		t.Error("nothing of the copy is left")
	}
	no(t, f.Truncate(same)) // a hole may follow
	_, err = f.Write(data[same:])
	no(t, err)
	no(t, f.Sync())
	if !bytes.Equal(readBack(t, m, "a"), data) {
		t.Error("the copy is not whole")
	}
}

// samePrefix returns how many bytes of a copy are right.
func samePrefix(t *testing.T, f durable.File, want []byte) int64 {
	t.Helper()
	got, err := io.ReadAll(f)
	no(t, err)
	n := 0
	for n < min(len(got), len(want)) && got[n] == want[n] {
		n++
	}
	return int64(n)
}

// A server that hangs, as when it waits for its disk, ends by the deadline. So does a network that
// holds everything.
func TestStalled(t *testing.T) {
	for name, hang := range map[string]func(*storetest.SSHD, *storetest.Proxy){
		"the server":  func(s *storetest.SSHD, _ *storetest.Proxy) { s.Freeze() },
		"the network": func(_ *storetest.SSHD, p *storetest.Proxy) { p.Hold() },
	} {
		for what, use := range map[string]func(store.Folder, durable.File) error{
			"write": func(_ store.Folder, f durable.File) error { _, err := f.Write(noise(16 << 20)); return err },
			"read":  func(_ store.Folder, f durable.File) error { _, err := f.ReadAt(make([]byte, 1), 0); return err },
			"sync":  func(_ store.Folder, f durable.File) error { return f.Sync() },
			"list":  func(m store.Folder, _ durable.File) error { _, err := m.FS().ReadDir("."); return err },
			"check": func(m store.Folder, _ durable.File) error { return m.Check(nil) },
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				t.Parallel()
				server := storetest.StartSSHD(t)
				proxy := storetest.StartProxy(t, server.Addr)
				server.KnownAt(proxy.Port)
				k := kind(server)
				k.Addr, k.Stall = proxy.Addr, 2*time.Second
				m := open(t, k)
				f, err := m.FS().Create("a")
				no(t, err)
				_, err = f.Write([]byte("x"))
				no(t, err)
				hang(server, proxy)
				if err := use(m, f); err == nil {
					t.Error("what hangs is said to be done")
				}
				trouble(t, m.Check(nil), "store-missing", "stopped answering")
				f.Close()
				no(t, m.Close())
			})
		}
	}
}

// The same while connecting.
func TestStalledWhileConnecting(t *testing.T) {
	server := storetest.StartSSHD(t)
	server.Freeze()
	k := kind(server)
	k.Dial, k.Stall = time.Second, time.Hour
	refused(t, k, "store-missing", "in time")
	ctx, cancel := context.WithCancel(t.Context())
	k.Dial = 0
	cancel()
	_, err := k.Open(ctx)
	trouble(t, err, "store-missing")
}

// Abort unblocks everybody at once, from another goroutine.
func TestAbort(t *testing.T) {
	server := storetest.StartSSHD(t)
	m := open(t, kind(server))
	f, err := m.FS().Create("a")
	no(t, err)
	server.Freeze()
	failed := make(chan error)
	go func() {
		_, err := f.Write(noise(16 << 20))
		failed <- err
	}()
	m.Abort()
	if err := <-failed; err == nil {
		t.Error("the write went on")
	}
	if _, err := m.FS().Stat("a"); err == nil {
		t.Error("the medium is still used")
	}
	trouble(t, m.Check(nil), "store-missing")
}
