//go:build linux

package sftp_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"tacet/daemon/health"
	"tacet/daemon/store"
	"tacet/daemon/store/storetest"
)

type (
	request = storetest.Request
	trait   = storetest.Trait
)

// all are OpenSSH's extensions.
var all = []string{"posix-rename@openssh.com", "statvfs@openssh.com", "fstatvfs@openssh.com", "hardlink@openssh.com",
	"fsync@openssh.com",
	"lsetstat@openssh.com", "limits@openssh.com", "expand-path@openssh.com", "copy-data", "home-directory",
	"users-groups-by-id@openssh.com"}

// refuses is a server that answers some requests with an error code.
func refuses(code uint32, text string, which func(r request) bool, lacks ...string) trait {
	return trait{Lacks: lacks, Ask: func(r request) []byte {
		if which(r) {
			return r.Refuse(code, text)
		}
		return nil
	}}
}

func types(kinds ...byte) func(request) bool {
	return func(r request) bool { return slices.Contains(kinds, r.Type) }
}

const (
	reads, writes, creates, excludes = 1, 2, 8, 32 // flags of opening
)

// disk is a server that reports such a disk.
func disk(change func(numbers []uint64)) trait {
	return trait{Answer: func(r request, answer []byte) []byte {
		if answer[0] != storetest.SFTPExtendedReply || r.String(0) != "statvfs@openssh.com" {
			return answer
		}
		numbers := make([]uint64, 11) // bsize frsize blocks bfree bavail files ffree favail fsid flag namemax
		binary.Decode(answer[5:], binary.BigEndian, numbers)
		change(numbers)
		answer, _ = binary.Append(answer[:5], binary.BigEndian, numbers)
		return answer
	}}
}

// attributes is a server that reports wrong attributes, for files with that name or for all.
func attributes(name string, change func(size *uint64, mode *uint32)) trait {
	return trait{Answer: func(r request, answer []byte) []byte {
		if answer[0] != storetest.SFTPAttrs || name != "" && filepath.Base(r.String(0)) != name {
			return answer
		}
		const hasSize, hasOwner, hasMode = 1, 2, 4
		flags := binary.BigEndian.Uint32(answer[5:])
		if flags&(hasSize|hasOwner|hasMode) != hasSize|hasOwner|hasMode {
			return answer
		}
		size, mode := binary.BigEndian.Uint64(answer[9:]), binary.BigEndian.Uint32(answer[25:])
		change(&size, &mode)
		binary.BigEndian.PutUint64(answer[9:], size)
		binary.BigEndian.PutUint32(answer[25:], mode)
		return answer
	}}
}

// handles maps open handles to names.
type handles struct {
	mu    sync.Mutex
	names map[string]string
}

// follow records what opens and closes.
func (h *handles) follow(r request, answer []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case r.Type == storetest.SFTPOpen && answer[0] == storetest.SFTPHandle:
		h.names[request{Body: answer[5:]}.String(0)] = r.String(0)
	case r.Type == storetest.SFTPClose:
		delete(h.names, r.String(0))
	}
}

func (h *handles) open(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.names {
		if n == name {
			return true
		}
	}
	return false
}

// windows is a server that renames no open file, and replaces none.
func windows() trait {
	h := &handles{names: map[string]string{}}
	return trait{Lacks: all,
		Ask: func(r request) []byte {
			if r.Type == storetest.SFTPRename && h.open(r.String(0)) {
				return r.Refuse(storetest.SFTPFailure, "The process cannot access the file")
			}
			return nil
		},
		Answer: func(r request, answer []byte) []byte { h.follow(r, answer); return answer },
	}
}

// Whatever a server lacks or does differently: copies are made and the spool releases them, or the
// reason is reported at once. A trial reports the same.
func TestTraits(t *testing.T) {
	for name, c := range map[string]struct {
		trait trait
		code  health.Code // "": copied and released
		words []string    // of the refusal, or of a limit
		left  bool        // the try can't be removed
	}{
		"OpenSSH":         {},
		"no posix-rename": {trait: trait{Lacks: all[:1]}, words: []string{"posix-rename"}},
		"no fsync": {trait: trait{Lacks: []string{"fsync@openssh.com"}},
			words: []string{"can't sync on request"}},
		"no statvfs":    {trait: trait{Lacks: []string{"statvfs@openssh.com"}}},
		"no extensions": {trait: trait{Lacks: all}, words: []string{"posix-rename", "fsync"}},
		"another fsync": {trait: trait{Adds: map[string]string{"fsync@openssh.com": "2"}},
			words: []string{"fsync"}},
		"fsync offered and not done": {trait: refuses(storetest.SFTPUnsup, "no",
			func(r request) bool { return r.String(0) == "fsync@openssh.com" })},
		"posix-rename offered, not done": {trait: refuses(storetest.SFTPUnsup, "no",
			func(r request) bool { return r.String(0) == "posix-rename@openssh.com" })},
		"statvfs offered and not done": {trait: refuses(storetest.SFTPFailure, "no",
			func(r request) bool { return r.String(0) == "statvfs@openssh.com" })},
		"16 EiB free": {trait: disk(func(n []uint64) { n[0], n[1], n[2], n[3], n[4] = 4096, 4096, 1<<52, 1<<52, 1<<52 })},
		"all bits set": {trait: disk(func(n []uint64) {
			n[0], n[1], n[2], n[3], n[4] = ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)
		})},
		"a disk without a size": {trait: disk(func(n []uint64) {
			n[0], n[1], n[2], n[3], n[4], n[7] = 0, 0, 0, 0, 0,
				0
		})},
		"full by its own word":      {trait: disk(func(n []uint64) { n[3], n[4] = 0, 0 })},
		"no block size but another": {trait: disk(func(n []uint64) { n[1] = 0 })},
		"no modes": {trait: refuses(storetest.SFTPDenied, "no",
			types(storetest.SFTPSetstat, storetest.SFTPFsetstat))},
		"no fstat": {trait: refuses(storetest.SFTPUnsup, "no", types(storetest.SFTPFstat))},
		"no lstat": {trait: refuses(storetest.SFTPUnsup, "no", types(storetest.SFTPLstat))},
		"no reading and writing at once": {trait: refuses(storetest.SFTPDenied, "no",
			func(r request) bool { return r.Flags()&(reads|writes) == reads|writes })},
		"the same, as a failure": {trait: refuses(storetest.SFTPFailure, "no",
			func(r request) bool { return r.Flags()&(reads|writes) == reads|writes })},
		"no exclusive opening": {trait: refuses(storetest.SFTPUnsup, "no",
			func(r request) bool { return r.Flags()&excludes != 0 })},
		"no writing on": {trait: refuses(storetest.SFTPDenied, "no",
			func(r request) bool { return r.Flags()&writes != 0 && r.Flags()&creates == 0 })},
		"no renaming": {trait: refuses(storetest.SFTPUnsup, "no", types(storetest.SFTPRename), all...)},
		"no removing": {trait: refuses(storetest.SFTPDenied, "no", types(storetest.SFTPRemove)), left: true},
		"no removing, no posix-rename": {trait: refuses(storetest.SFTPDenied, "no", types(storetest.SFTPRemove), all...),
			left: true},
		"no renaming of what is open": {trait: windows()},
		"no kinds of file":            {trait: attributes("", func(_ *uint64, mode *uint32) { *mode &= 0o777 })},
		"no sizes":                    {trait: attributes("", func(size *uint64, _ *uint32) { *size = 0 })},
		"no listings":                 {trait: refuses(storetest.SFTPDenied, "no", types(storetest.SFTPOpendir))},

		"no room": {trait: refuses(storetest.SFTPFailure, "No space left on device", types(storetest.SFTPWrite)),
			code: health.StoreFull, words: []string{"full"}},
		"no quota": {trait: refuses(15, "quota exceeded", types(storetest.SFTPWrite)), code: health.StoreFull},
		"no right": {trait: refuses(storetest.SFTPDenied, "no", func(r request) bool { return r.Flags()&writes != 0 }),
			code: health.StoreReadOnly, words: []string{"may not write"}},
		"no new files": {trait: refuses(storetest.SFTPFailure, "no", func(r request) bool { return r.Flags()&creates != 0 }),
			code: health.StoreError, words: []string{"create"}},
		"no reading": {trait: refuses(storetest.SFTPDenied, "no", types(storetest.SFTPRead)), code: health.StoreReadOnly},
		"no syncing": {trait: refuses(storetest.SFTPFailure, "no",
			func(r request) bool { return r.String(0) == "fsync@openssh.com" }), code: health.StoreError,
			words: []string{"sync"}},
		"a long answer": {trait: refuses(storetest.SFTPFailure, strings.Repeat("x", 10<<10), types(storetest.SFTPWrite)),
			code: health.StoreError, words: []string{"…"}},
		"other bytes": {trait: trait{Answer: func(r request, answer []byte) []byte {
			if answer[0] == storetest.SFTPData {
				answer[len(answer)-1]++
			}
			return answer
		}}, code: health.StoreMismatch},
		"reading without end": {trait: trait{Ask: func(r request) []byte {
			if r.Type == storetest.SFTPRead {
				return r.Packet(storetest.SFTPData, []byte{0, 0, 0, 0})
			}
			return nil
		}}, code: health.StoreMismatch},
		"answers without end": {trait: trait{Ask: func(r request) []byte {
			if r.Type == storetest.SFTPWrite {
				return r.Refuse(storetest.SFTPFailure, strings.Repeat("x", 250<<10))
			}
			if r.Type == storetest.SFTPRead { // an answer of no bytes is asked for again
				return r.Packet(storetest.SFTPData, []byte{0, 0, 0, 0})
			}
			return nil
		}}, code: health.StoreError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := storetest.StartSFTPD(t, c.trait)
			tried, tryErr := store.Probe(t.Context(), to(server))
			left, err := os.ReadDir(server.Dir)
			no(t, err)
			if (len(left) > 0) != c.left || (tried.Left != "") != c.left {
				t.Errorf("the try left %v, and says %q", left, tried.Left)
			}
			unit := storetest.NewUnit(t, 2<<20)
			fate := unit.Follow(to(server), 0)
			if c.code == "" {
				copied(t, server, unit, fate)
				if tryErr != nil {
					t.Errorf("the try failed: %v", tryErr)
				}
				for _, w := range c.words {
					if !strings.Contains(strings.Join(tried.Limits, "\n"), w) || !fate.Said(w) {
						t.Errorf("of %q nothing is said: %q\n%s", w, tried.Limits, fate.Log)
					}
				}
				return
			}
			if fate.Released {
				t.Error("it was released")
			}
			trouble(t, tryErr, c.code, c.words...)
			trouble(t, fate.Trouble, c.code, c.words...)
			if n := max(len(tryErr.Error()), len(fate.Trouble.Error())); n > 2000 {
				t.Errorf("%d bytes are said", n)
			}
		})
	}
}

// copied expects the recording under one of its names, and nothing left of a trial.
func copied(t *testing.T, server *storetest.SFTPD, u *storetest.Unit, fate storetest.Fate) {
	t.Helper()
	if !fate.Released || fate.Trouble != nil {
		t.Fatalf("it was not released at once: %v\n%s", fate.Trouble, fate.Log)
	}
	for n := 1; n < 4; n++ {
		path := filepath.Join(server.Dir, store.Beside(u.Name, n))
		if info, err := os.Stat(path); err != nil || info.Size() != int64(len(u.Data)) {
			continue
		}
		if got, err := os.ReadFile(path); err == nil && bytes.Equal(got, u.Data) {
			return
		}
	}
	t.Error("the copy is not there")
}

// A write fails once, in the middle: the copy is written again, in a way that the server supports.
func TestOneWriteFails(t *testing.T) {
	for name, c := range map[string]struct {
		trait  trait
		beside bool
	}{
		"OpenSSH":         {},
		"no posix-rename": {trait: trait{Lacks: all}},
		"no renaming":     {trait: refuses(storetest.SFTPUnsup, "no", types(storetest.SFTPRename), all...), beside: true},
		"no removing":     {trait: refuses(storetest.SFTPDenied, "no", types(storetest.SFTPRemove), all...), beside: true},
		"Windows":         {trait: windows()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var wrote, sent atomic.Int64
			asked := c.trait.Ask
			c.trait.Ask = func(r request) []byte {
				if r.Type == storetest.SFTPWrite {
					sent.Add(int64(len(r.Body)))
					if wrote.Add(1) == 20 {
						return r.Refuse(storetest.SFTPFailure, "once")
					}
				}
				if asked != nil {
					return asked(r)
				}
				return nil
			}
			server := storetest.StartSFTPD(t, c.trait)
			unit := storetest.NewUnit(t, 3<<20)
			fate := unit.Follow(to(server), 30*time.Second)
			if !fate.Released {
				t.Fatalf("it was not released: %v\n%s", fate.Trouble, fate.Log)
			}
			if (len(fate.Conflicts) > 0) != c.beside {
				t.Errorf("of other names it is said %q", fate.Conflicts)
			}
			fate.Trouble = nil
			copied(t, server, unit, fate)
			if most := int64(3*len(unit.Data) + 1<<20); sent.Load() > most {
				t.Errorf("%d bytes were sent for a recording of %d", sent.Load(), len(unit.Data))
			}
			for _, left := range names(t, server) {
				if strings.HasSuffix(left, ".tmp") && !c.beside {
					t.Errorf("%s is left", left)
				}
			}
		})
	}
}

func names(t *testing.T, s *storetest.SFTPD) (all []string) {
	t.Helper()
	list, err := os.ReadDir(s.Dir)
	no(t, err)
	for _, e := range list {
		all = append(all, e.Name())
	}
	return all
}

// What an interruption leaves of a new copy is removed once the copy is complete; other files stay.
func TestLeftoverGoes(t *testing.T) {
	server := storetest.StartSFTPD(t, trait{Lacks: all})
	unit := storetest.NewUnit(t, 1<<20)
	no(t, os.WriteFile(filepath.Join(server.Dir, unit.Name+".tmp"), unit.Data[:300_000], 0o600))
	copied(t, server, unit, unit.Follow(to(server), 0))
	if got := names(t, server); len(got) != 1 {
		t.Errorf("there are %v", got)
	}
	unit = storetest.NewUnit(t, 1<<20)
	no(t, os.WriteFile(filepath.Join(server.Dir, unit.Name+".tmp"), []byte("somebody's"), 0o600))
	copied(t, server, unit, unit.Follow(to(server), 0))
	if got := names(t, server); len(got) != 3 {
		t.Errorf("there are %v", got)
	}
}

// A file under a copy's name is read only as far as the recording explains, never touched, and
// reported.
func TestHostileFiles(t *testing.T) {
	for name, c := range map[string]struct {
		trait func(name string) trait
		lay   func(path string, u *storetest.Unit) error
	}{
		"8 TiB of nothing": {lay: func(path string, _ *storetest.Unit) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 8<<40))
		}},
		"the recording, and 8 TiB of nothing": {lay: func(path string, u *storetest.Unit) error {
			return errors.Join(os.WriteFile(path, u.Data, 0o600), os.Truncate(path, 8<<40))
		}},
		"zeros that go on, and a small size": {
			trait: func(string) trait {
				return attributes("", func(size *uint64, mode *uint32) { *size = min(*size, 1000) })
			},
			lay: func(path string, _ *storetest.Unit) error {
				return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 8<<40))
			}},
		"a size that is a little too large": {
			trait: func(name string) trait {
				return attributes(name, func(size *uint64, _ *uint32) { *size += 1000 })
			},
			lay: func(path string, u *storetest.Unit) error { return os.WriteFile(path, u.Data[:100_000], 0o600) }},
		"a size of 2^62": {
			trait: func(name string) trait {
				return attributes(name, func(size *uint64, _ *uint32) { *size = 1 << 62 })
			},
			lay: func(path string, u *storetest.Unit) error { return os.WriteFile(path, u.Data[:100_000], 0o600) }},
		"a size of 2^64-1": {
			trait: func(name string) trait {
				return attributes(name, func(size *uint64, _ *uint32) { *size = ^uint64(0) })
			},
			lay: func(path string, u *storetest.Unit) error { return os.WriteFile(path, u.Data[:100_000], 0o600) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unit := storetest.NewUnit(t, 4<<20)
			var odd trait
			if c.trait != nil {
				odd = c.trait(unit.Name)
			}
			server := storetest.StartSFTPD(t, odd)
			path := filepath.Join(server.Dir, unit.Name)
			no(t, c.lay(path, unit))
			before, err := os.Stat(path)
			no(t, err)
			fate := unit.Follow(to(server), 0)
			copied(t, server, unit, fate)
			if len(fate.Conflicts) == 0 {
				t.Errorf("it is said: %q", fate.Conflicts)
			}
			after, err := os.Stat(path)
			if err != nil || after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
				t.Errorf("it was touched: %v (%v)", after, err)
			}
			const ahead = 4 << 20 // what is read ahead, and a chunk
			if read, most := server.Read.Load(), int64(2*len(unit.Data)+ahead); read > most {
				t.Errorf("%d bytes were read for a recording of %d", read, len(unit.Data))
			}
		})
	}
}

// An endless listing is ended, by its size or its number of names, however short these are.
func TestListingWithoutEnd(t *testing.T) {
	for name, size := range map[string]int{"short names": 1, "long names": 4000, "no names at all": -1} {
		t.Run(name, func(t *testing.T) {
			text := func(b []byte, s string) []byte { return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...) }
			var body []byte
			if size < 0 {
				body = []byte{0, 0, 0, 0}
			} else {
				n := min(1000, 100<<10/(size+12))
				body = binary.BigEndian.AppendUint32(nil, uint32(n))
				for range n {
					body = append(text(text(body, strings.Repeat("x", size)), ""), 0, 0, 0, 0)
				}
			}
			var asked atomic.Int64
			server := storetest.StartSFTPD(t, trait{Ask: func(r request) []byte {
				if r.Type == storetest.SFTPReaddir {
					asked.Add(1)
					return r.Packet(storetest.SFTPName, body)
				}
				return nil
			}})
			m := open(t, to(server))
			if names, err := m.FS().ReadDir("."); err == nil {
				t.Errorf("%d names without an error", len(names))
			}
			if n := asked.Load(); size == 1 && n > 120 { // of a thousand names each
				t.Errorf("it was listed on for %d answers", n)
			}
		})
	}
}

// A trial and the unit tell a server with another key from one that can't do what is needed.
func TestTraitsOfHandshakes(t *testing.T) {
	for name, c := range map[string]struct {
		key  func(*testing.T) ssh.Signer
		code health.Code
		word string
	}{
		"SHA-1 only": {sha1Only, health.StoreError, "SHA-1"},
		"ed25519":    {signer, "", ""},
		"RSA":        {oldSigner, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			server := storetest.StartSFTPD(t, trait{}, c.key(t))
			_, err := store.Probe(t.Context(), to(server))
			fate := storetest.NewUnit(t, 100_000).Follow(to(server), 0)
			if c.code == "" {
				no(t, err)
				if !fate.Released {
					t.Error(fate.Trouble)
				}
				return
			}
			trouble(t, err, c.code, c.word)
			trouble(t, fate.Trouble, c.code, c.word)
		})
	}
}

// A server that keeps answering without returning anything is dropped.
func TestAnswersWithoutEnd(t *testing.T) {
	server := storetest.StartSFTPD(t, trait{Ask: func(r request) []byte {
		if r.Type == storetest.SFTPRead {
			return r.Packet(storetest.SFTPData, []byte{0, 0, 0, 0})
		}
		return nil
	}})
	no(t, os.WriteFile(filepath.Join(server.Dir, "a"), noise(1000), 0o644))
	m := open(t, to(server))
	f, err := m.FS().Open("a")
	no(t, err)
	defer f.Close()
	if _, err := f.ReadAt(make([]byte, 100), 0); err == nil {
		t.Error("something was read")
	}
	trouble(t, m.Check(nil), health.StoreError, "was not requested")
}

// A server that doesn't report its disk, or a disk without a size, tells nothing.
func TestRoomIsUnknown(t *testing.T) {
	for name, odd := range map[string]trait{
		"not offered": {Lacks: []string{"statvfs@openssh.com"}},
		"no blocks":   disk(func(n []uint64) { n[2], n[4] = 0, 0 }),
		"no size":     disk(func(n []uint64) { n[0], n[1] = 0, 0 }),
	} {
		m := open(t, to(storetest.StartSFTPD(t, odd)))
		if free, _, err := m.FS().Space(); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %d bytes are free (%v)", name, free, err)
		}
		no(t, m.Check(nil))
	}
}
