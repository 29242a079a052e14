package bundle

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"testing"
)

var content = []struct {
	name string
	data []byte
}{{"READ-ME.txt", []byte("text")}, {"000001.age", bytes.Repeat([]byte{1}, blockSize)}, {"x", bytes.Repeat([]byte{2}, 700)}}

func write(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, 1795269802)
	for _, m := range content {
		if err := w.Add(m.name, m.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// read reads the archive, and returns the first fault.
func read(file []byte) error {
	r := NewReader(bytes.NewReader(file), int64(len(file)))
	for _, want := range content {
		m, err := r.Next(want.name, 1<<10)
		if err != nil {
			return err
		}
		if !bytes.Equal(m.Content, want.data) {
			return &Fault{What: "other content"}
		}
	}
	if r.Time() != 1795269802 {
		return &Fault{What: "another time"}
	}
	return r.End()
}

func TestTarReadsIt(t *testing.T) {
	file := write(t)
	r := tar.NewReader(bytes.NewReader(file))
	for _, want := range content {
		h, err := r.Next()
		if err != nil || h.Name != want.name {
			t.Fatal(h, err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want.data) {
			t.Errorf("%s: %v", want.name, err)
		}
	}
	if name, size := Peek(bytes.NewReader(file), Padded(4)); name != "000001.age" || size != blockSize {
		t.Errorf("the second member is %q, of %d bytes", name, size)
	}
}

// Each altered byte, each other length is a fault, except the content's and the time's own bytes,
// which the caller knows.
func TestEveryByte(t *testing.T) {
	file := write(t)
	if err := read(file); err != nil {
		t.Fatal(err)
	}
	var fault *Fault
	for i := range file {
		file[i] ^= 1
		if err := read(file); !errors.As(err, &fault) {
			t.Errorf("byte %d: %v", i, err)
		}
		file[i] ^= 1
	}
	for n := range file {
		if err := read(file[:n]); !errors.As(err, &fault) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if err := read(append(file, 0)); !errors.As(err, &fault) {
		t.Errorf("a byte more: %v", err)
	}
}

func TestBounds(t *testing.T) {
	w := NewWriter(io.Discard, 0)
	if w.Add("empty", nil) == nil || w.Add("long", make([]byte, MaxMember+1)) == nil {
		t.Error("an empty or too long member is written")
	}
	file := write(t)
	if _, err := NewReader(bytes.NewReader(file), int64(len(file))).Next("READ-ME.txt", 3); err == nil {
		t.Error("a member longer than its limit is read")
	}
	if _, err := NewReader(bytes.NewReader(file[:900]), int64(len(file))).Next("READ-ME.txt", 9); err == nil || errors.As(err, new(*Fault)) {
		t.Errorf("a file that got shorter: %v", err)
	}
}
