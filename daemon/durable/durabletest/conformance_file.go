package durabletest

import (
	"errors"
	"io"
	"io/fs"
	"testing"

	"tacet/daemon/durable"
	"tacet/systemd/needs"
)

// Checks of Conformance that concern one open file.

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
		needs.Kernel(t, "to reserve space on this file system", err)
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

func closedFile(t *testing.T, d Folder) {
	f, err := d.Create("a")
	no(t, err)
	no(t, f.Close())
	is(t, "close again", f.Close(), fs.ErrClosed)
}
