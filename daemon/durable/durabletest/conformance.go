package durabletest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"tacet/daemon/durable"
)

// Folder is an empty [durable.FS] for Conformance, with functions to make what an FS can't.
type Folder struct {
	durable.FS
	Mkdir, Symlink, Pipe func(name string) // nil: not available
}

// Conformance tests what the interface durable.FS promises. The disk of this package and the real
// one pass the same test, so results on the first hold for the second.
func Conformance(t *testing.T, empty func(t *testing.T) Folder) {
	for name, test := range map[string]func(*testing.T, Folder){
		"create makes a private file, once":     createOnce,
		"writes go to the end":                  writesAppend,
		"a file opened to read is not written":  readOnlyHandle,
		"reading ends at the end":               readEnds,
		"rename replaces, and needs a source":   renameReplaces,
		"remove leaves open files readable":     removeOpen,
		"truncate cuts, and fills with zeros":   truncates,
		"reserved space changes nothing":        reserves,
		"a listing is sorted and of one folder": lists,
		"only regular files are opened":         onlyRegular,
		"names don't lead out":                  namesStay,
		"a closed file is closed":               closedFile,
		"a frozen file is finished":             freezes,
		"space is reported":                     spaceReported,
		"WriteFile replaces":                    writeFileReplaces,
		"ReadFile is bounded":                   readFileBounded,
	} {
		t.Run(name, func(t *testing.T) { test(t, empty(t)) })
	}
}

// no fails the test on an error. It is for steps that are not the subject.
func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// is expects one error.
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

func spaceReported(t *testing.T, d Folder) {
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
