//go:build unix

package spool

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tacet/daemon/durable"
	"tacet/daemon/recording/recordingtest"
	"tacet/systemd/needs"
)

func wantKind(t *testing.T, err error, kind Kind, say string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Kind != kind || !strings.Contains(err.Error(), say) {
		t.Errorf("%v, want kind %d and %q", err, kind, say)
	}
}

// One daemon per spool. A missing folder is not made.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	h, err := Lock(dir)
	check(t, err)
	_, err = Lock(dir)
	wantKind(t, err, InUse, fmt.Sprintf("(process %d)", os.Getpid()))
	check(t, h.Close())
	h, err = Lock(dir)
	check(t, err)
	check(t, h.Close())

	missing, file := filepath.Join(dir, "missing"), filepath.Join(dir, "file")
	_, err = Lock(missing)
	wantKind(t, err, Missing, "never makes it")
	if _, err := os.Stat(missing); err == nil {
		t.Error("the folder was made")
	}
	check(t, os.WriteFile(file, nil, 0o600))
	_, err = Lock(file)
	wantKind(t, err, NotFolder, file)
	_, err = Lock(filepath.Join(file, "in it"))
	wantKind(t, err, NotFolder, file)
}

// Check fails once the path no longer leads to the locked folder.
func TestLockCheck(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	check(t, os.Mkdir(dir, 0o700))
	h, err := Lock(dir)
	check(t, err)
	defer h.Close()
	check(t, h.Check())
	check(t, os.Rename(dir, dir+".away"))
	wantKind(t, h.Check(), Missing, "gone")
	check(t, os.Mkdir(dir, 0o700))
	wantKind(t, h.Check(), Gone, "another folder")
	check(t, os.Remove(dir))
	check(t, os.Rename(dir+".away", dir))
	check(t, h.Check())
}

func TestLockedBy(t *testing.T) {
	const table = `1: POSIX  ADVISORY  WRITE 1 fe:00:4711 0 EOF
2: FLOCK  ADVISORY  WRITE 2 fe:00:14711 0 EOF
2: -> FLOCK  ADVISORY  WRITE 5 fe:00:4711 0 EOF
3: FLOCK  ADVISORY  WRITE 3 fe:00:4711 0 EOF
short
`
	if pid, ok := lockedBy(strings.NewReader(table), 4711); !ok || pid != "3" {
		t.Errorf("locked by %q (%v)", pid, ok)
	}
	if pid, ok := lockedBy(strings.NewReader(table), 1); ok {
		t.Errorf("locked by %q", pid)
	}
}

const workerDir, workerKey = "SPOOL_TEST_DIR", "SPOOL_TEST_KEY"

// TestWorker is the other process of the next test: it records until it is killed, and prints what
// was acknowledged.
func TestWorker(t *testing.T) {
	dir := needs.Variable(t, workerDir, "only as a process of its own")
	skey, vkey, _ := strings.Cut(os.Getenv(workerKey), " ")
	a := actors{
		recordingtest.UnitOf(t, "high-street", "room-3", skey, vkey),
		recordingtest.NewOffice(t, recordingtest.Classic),
	}
	lock, err := Lock(dir)
	check(t, err)
	defer lock.Close()
	root, err := os.OpenRoot(dir)
	check(t, err)
	s := open(t, durable.OS(root))
	for range 100 {
		r := a.write(t, 5, 2000)
		f, err := s.Create(r.name)
		check(t, err)
		for _, p := range r.pieces {
			check(t, f.Append(p))
			fmt.Println(r.name, f.Synced())
		}
		check(t, f.Close())
	}
}

// A killed process frees the lock and loses nothing that was acknowledged, on a real disk.
func TestKilledProcess(t *testing.T) {
	unit := recordingtest.NewUnit(t, "high-street", "room-3")
	for _, lines := range []int{1, 4, 9, 23} {
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestWorker$")
		cmd.Env = append(os.Environ(), workerDir+"="+dir, workerKey+"="+unit.SKey+" "+unit.VKey)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		promised := map[string]int64{}
		said := bufio.NewScanner(out)
		for n := 0; said.Scan(); n++ {
			var name string
			var size int64
			if _, err := fmt.Sscan(said.Text(), &name, &size); err != nil {
				cmd.Process.Kill()
				t.Fatalf("the process said %q", said.Text())
			}
			promised[name] = size
			if n == 0 {
				_, err := Lock(dir)
				wantKind(t, err, InUse, fmt.Sprintf("(process %d)", cmd.Process.Pid))
			}
			if n == lines {
				check(t, cmd.Process.Kill())
			}
		}
		cmd.Wait()
		lock, err := Lock(dir)
		check(t, err)
		root, err := os.OpenRoot(dir)
		check(t, err)
		s := open(t, durable.OS(root))
		if _, err := s.Recover(unit.Signer, "boot-2"); err != nil {
			t.Fatal(err)
		}
		for name, size := range promised {
			if st := state(t, s.fs, name); !st.Complete() {
				t.Errorf("%s is %v", name, st)
			}
			if have := int64(len(bytesOf(t, s.fs, name))); have < size {
				t.Errorf("%s has %d bytes, %d were acknowledged", name, have, size)
			}
		}
		check(t, root.Close())
		check(t, lock.Close())
	}
}
