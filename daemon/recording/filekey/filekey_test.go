package filekey

import (
	"bytes"
	"io"
	"testing"

	"filippo.io/age"
)

// What a file key is wrapped into opens with age itself, and only together with the file it is for.
func TestAnotherHeaderOpensTheSameFile(t *testing.T) {
	from, to := pair(t), pair(t)
	for _, size := range []int{0, 1, 4000, ChunkSize, ChunkSize + 1} {
		plain := bytes.Repeat([]byte{7}, size)
		file := encrypt(t, plain, from.Recipient())
		key, err := Unwrap(file, from)
		if err != nil || len(key) != Size {
			t.Fatalf("a key of %d bytes, %v", len(key), err)
		}
		header, err := Wrap(key, to.Recipient())
		if err != nil {
			t.Fatal(err)
		}
		r, err := age.Decrypt(io.MultiReader(bytes.NewReader(header), bytes.NewReader(file[HeaderSize:])), to)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d of %d bytes come out: %v", len(got), size, err)
		}
		nonce := file[HeaderSize:][:NonceSize]
		again, err := Seal(bytes.Clone(file[:HeaderSize+NonceSize]), key, nonce, plain)
		if err != nil || !bytes.Equal(again, file) {
			t.Errorf("%d bytes sealed again are not the file: %v", size, err)
		}
		if _, err := Unwrap(file, to); err == nil {
			t.Error("a stranger has the key")
		}
	}
}

// Check finds each altered byte of a header, and another key.
func TestCheck(t *testing.T) {
	from := pair(t)
	file := encrypt(t, []byte("sound"), from.Recipient())
	key, err := Unwrap(file, from)
	if err != nil {
		t.Fatal(err)
	}
	header := file[:HeaderSize]
	if err := Check(header, key); err != nil {
		t.Fatal(err)
	}
	for i := range header {
		header[i] ^= 1
		if Check(header, key) == nil {
			t.Errorf("byte %d is altered, and nothing says so", i)
		}
		header[i] ^= 1
	}
	key[0] ^= 1
	if Check(header, key) == nil || Check(header[:100], key) == nil || Check(nil, key) == nil {
		t.Error("another key, or a part of the header, is taken")
	}
}

func pair(t *testing.T) *age.X25519Identity {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func encrypt(t *testing.T, plain []byte, to age.Recipient) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := age.Encrypt(&b, to)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(plain)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
