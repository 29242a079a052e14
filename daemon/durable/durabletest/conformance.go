package durabletest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"tacet/daemon/durable"
	"tacet/systemd/needs"
)

// Folder is an empty [durable.FS] for Conformance, and the means to put things in it that no FS
// makes.
type Folder struct {
	durable.FS
	Mkdir, Symlink, Pipe func(name string) // nil: not to be had here
}

// Conformance holds a durable.FS to what the interface promises. The disk of this package and the
// real one pass the same test, so that what is tried on the first holds for the second.
func Conformance(t *testing.T, empty func(t *testing.T) Folder) {
	for name, test := range map[string]func(*testing.T, Folder){
		"create makes a private file, once":     createOnce,
		"writes go to the end":                  writesAppend,
		"a file opened to read is not written":  readOnlyHandle,
		"reading ends at the end":               readEnds,
		"rename replaces, and needs a source":   renameReplaces,
		"remove leaves open files readable":     removeOpen,
		"truncate cuts, and fills with zeros":   truncates,
		"room set aside changes nothing":        reserves,
		"a listing is sorted and of one folder": lists,
		"only regular files are opened":         onlyRegular,
		"names do not lead out":                 namesStay,
		"a closed file is closed":               closedFile,
		"a frozen file is finished":             freezes,
		"space is told":                         spaceTold,
		"WriteFile replaces":                    writeFileReplaces,
		"ReadFile is bounded":                   readFileBounded,
	} {
		t.Run(name, func(t *testing.T) { test(t, empty(t)) })
	}
}

// no fails the test at an error; it is for steps that are not the point.
func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// is wants one error.
func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func put(t *testing.T, fsys durable.FS, name, text string) {
	t.Helper()
	f, err := fsys.Create(name)
	no(t, err)
	_, err = f.Write([]byte(text))
	no(t, err)
	no(t, f.Sync())
	no(t, f.Close())
}

func holds(t *testing.T, fsys durable.FS, name, want string) {
	t.Helper()
	got, err := durable.ReadFile(fsys, name, 1<<20)
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q (%v), want %q", name, got, err, want)
	}
}

func createOnce(t *testing.T, d Folder) {
	put(t, d, "a", "1")
	_, err := d.Create("a")
	is(t, "create what exists", err, fs.ErrExist)
	_, err = d.Create("missing/a")
	is(t, "create in a missing folder", err, fs.ErrNotExist)
	st, err := d.Stat("a")
	no(t, err)
	if st.Mode() != 0o600 || st.Size() != 1 || st.Name() != "a" {
		t.Errorf("made %s %v of %d bytes", st.Name(), st.Mode(), st.Size())
	}
	no(t, d.SyncDir("."))
	is(t, "sync a missing folder", d.SyncDir("missing"), fs.ErrNotExist)
}

func writesAppend(t *testing.T, d Folder) {
	_, err := d.Append("a")
	is(t, "append to what is missing", err, fs.ErrNotExist)
	put(t, d, "a", "one ")
	f, err := d.Append("a")
	no(t, err)
	defer f.Close()
	one := make([]byte, 2)
	_, err = f.Read(one) // moves the place of reading, not that of writing
	no(t, err)
	n, err := f.Write([]byte("two "))
	no(t, err)
	if n != 4 {
		t.Errorf("wrote %d bytes, want 4", n)
	}
	if n, err := f.Read(one); n != 0 || err != io.EOF {
		t.Errorf("after a write %d bytes are read (%v), want the end", n, err)
	}
	_, err = f.Write([]byte("three"))
	no(t, err)
	no(t, f.Sync())
	st, err := f.Stat()
	no(t, err)
	if st.Size() != 13 {
		t.Errorf("size %d, want 13", st.Size())
	}
	holds(t, d, "a", "one two three")
}

func reserves(t *testing.T, d Folder) {
	f, err := d.Create("a")
	no(t, err)
	defer f.Close()
	r, ok := f.(durable.Reserver)
	if !ok {
		return // it promises none
	}
	if err := r.Reserve(1 << 20); errors.Is(err, errors.ErrUnsupported) {
		needs.Kernel(t, "to set room aside on this file system", err)
	} else {
		no(t, err)
	}
	_, err = f.Write([]byte("text"))
	no(t, err)
	no(t, f.Truncate(4))
	no(t, f.Sync())
	holds(t, d, "a", "text")
}

func readOnlyHandle(t *testing.T, d Folder) {
	put(t, d, "a", "1")
	f, err := d.Open("a")
	no(t, err)
	defer f.Close()
	if _, err := f.Write([]byte("2")); err == nil {
		t.Error("a file opened to read was written")
	}
	no(t, f.Sync())
	holds(t, d, "a", "1")
	_, err = d.Open("b")
	is(t, "open what is missing", err, fs.ErrNotExist)
}

func readEnds(t *testing.T, d Folder) {
	put(t, d, "a", "12345")
	f, err := d.Open("a")
	no(t, err)
	defer f.Close()
	p := make([]byte, 3)
	for _, want := range []string{"123", "45", ""} {
		n, err := f.Read(p)
		if string(p[:n]) != want || (want == "") != (err == io.EOF) {
			t.Errorf("read %q (%v), want %q", p[:n], err, want)
		}
	}
	for off, want := range map[int64]string{0: "123", 3: "45", 5: "", 9: ""} {
		n, err := f.ReadAt(p, off)
		if string(p[:n]) != want || (n < 3) != (err == io.EOF) {
			t.Errorf("read %q (%v) at %d, want %q", p[:n], err, off, want)
		}
	}
	if _, err := f.ReadAt(p, -1); err == nil || err == io.EOF {
		t.Errorf("reading before the start: %v", err)
	}
}

func renameReplaces(t *testing.T, d Folder) {
	put(t, d, "a", "new")
	put(t, d, "b", "old")
	old, err := d.Open("b")
	no(t, err)
	defer old.Close()
	no(t, d.Rename("a", "b"))
	holds(t, d, "b", "new")
	if text, err := io.ReadAll(old); string(text) != "old" || err != nil {
		t.Errorf("the file that was replaced reads %q (%v)", text, err)
	}
	_, err = d.Stat("a")
	is(t, "stat the former name", err, fs.ErrNotExist)
	is(t, "rename what is missing", d.Rename("a", "b"), fs.ErrNotExist)
	is(t, "rename into a missing folder", d.Rename("b", "missing/b"), fs.ErrNotExist)
}

func removeOpen(t *testing.T, d Folder) {
	put(t, d, "a", "1")
	f, err := d.Open("a")
	no(t, err)
	defer f.Close()
	no(t, d.Remove("a"))
	if text, err := io.ReadAll(f); string(text) != "1" || err != nil {
		t.Errorf("the removed file reads %q (%v)", text, err)
	}
	is(t, "remove what is missing", d.Remove("a"), fs.ErrNotExist)
	put(t, d, "a", "2")
	holds(t, d, "a", "2")
}

func truncates(t *testing.T, d Folder) {
	put(t, d, "a", "12345")
	f, err := d.Append("a")
	no(t, err)
	defer f.Close()
	no(t, f.Truncate(2))
	holds(t, d, "a", "12")
	no(t, f.Truncate(4))
	_, err = f.Write([]byte("x"))
	no(t, err)
	holds(t, d, "a", "12\x00\x00x")
}

func lists(t *testing.T, d Folder) {
	for _, name := range []string{"b", "a", "c.tmp"} {
		put(t, d, name, "")
	}
	d.Mkdir("aa")
	put(t, d, "aa/inner", "1")
	for folder, want := range map[string]string{".": "[a aa/ b c.tmp]", "aa": "[inner]"} {
		entries, err := d.ReadDir(folder)
		no(t, err)
		var names []string
		for _, e := range entries {
			name := e.Name()
			if e.IsDir() {
				name += "/"
			}
			names = append(names, name)
		}
		if got := fmt.Sprint(names); got != want {
			t.Errorf("%s lists %s, want %s", folder, got, want)
		}
	}
	_, err := d.ReadDir("missing")
	is(t, "list a missing folder", err, fs.ErrNotExist)
}

func onlyRegular(t *testing.T, d Folder) {
	put(t, d, "target", "1")
	kinds := map[string]func(string){"folder": d.Mkdir, "link": d.Symlink, "pipe": d.Pipe}
	for name, mk := range kinds {
		if mk == nil {
			continue
		}
		mk(name)
		_, err := d.Open(name)
		is(t, "open a "+name, err, durable.ErrNotRegular)
		_, err = d.Append(name)
		is(t, "append to a "+name, err, durable.ErrNotRegular)
		_, err = d.Create(name)
		is(t, "create over a "+name, err, fs.ErrExist)
		st, err := d.Stat(name)
		no(t, err)
		if st.Mode().IsRegular() {
			t.Errorf("stat says that a %s is a regular file", name)
		}
	}
}

func namesStay(t *testing.T, d Folder) {
	put(t, d, "a", "1")
	for _, name := range []string{"../a", "/etc/hostname", "", ".."} {
		if _, err := d.Create(name); err == nil {
			t.Errorf("made %q", name)
		}
		if _, err := d.Open(name); err == nil {
			t.Errorf("opened %q", name)
		}
		if err := d.Rename("a", name); err == nil {
			t.Errorf("renamed a file to %q", name)
		}
		if err := d.Remove(name); err == nil {
			t.Errorf("removed %q", name)
		}
	}
	holds(t, d, "a", "1")
}

func closedFile(t *testing.T, d Folder) {
	f, err := d.Create("a")
	no(t, err)
	no(t, f.Close())
	is(t, "close again", f.Close(), fs.ErrClosed)
}

func freezes(t *testing.T, d Folder) {
	put(t, d, "a", "1")
	st, err := d.Stat("a")
	no(t, err)
	if durable.Frozen(st) {
		t.Error("a new file is frozen")
	}
	no(t, d.Freeze("a"))
	no(t, d.Rename("a", "b"))
	st, err = d.Stat("b")
	no(t, err)
	if !durable.Frozen(st) {
		t.Errorf("a frozen file has the mode %v", st.Mode())
	}
	if f, err := d.Append("b"); err == nil { // the superuser may
		no(t, f.Close())
	} else {
		is(t, "append to a frozen file", err, fs.ErrPermission)
	}
	holds(t, d, "b", "1")
	no(t, d.Remove("b"))
	is(t, "freeze what is missing", d.Freeze("b"), fs.ErrNotExist)
	no(t, d.Writable())
}

func spaceTold(t *testing.T, d Folder) {
	free, total, err := d.Space()
	no(t, err)
	if free <= 0 || total < free {
		t.Errorf("%d bytes of %d are free", free, total)
	}
}

func writeFileReplaces(t *testing.T, d Folder) {
	put(t, d, "a"+durable.TempSuffix, "left by an interruption")
	for _, text := range []string{"first", "", "second"} {
		no(t, durable.WriteFile(d, "a", []byte(text)))
		holds(t, d, "a", text)
	}
	entries, err := d.ReadDir(".")
	no(t, err)
	if len(entries) != 1 {
		t.Errorf("%d files are left, want 1", len(entries))
	}
	is(t, "write in a missing folder", durable.WriteFile(d, "missing/a", nil), fs.ErrNotExist)
}

func readFileBounded(t *testing.T, d Folder) {
	put(t, d, "a", "12345")
	if _, err := durable.ReadFile(d, "a", 4); err == nil {
		t.Error("5 bytes were read where 4 are allowed")
	}
	if got, err := durable.ReadFile(d, "a", 5); err != nil || string(got) != "12345" {
		t.Errorf("read %q (%v)", got, err)
	}
}
