package memorytest_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"tacet/daemon/memory/memorytest"
)

// Every stretch of 64 bytes is found, anywhere in the text and in memory. Shorter ones, and what
// every program has, are not.
func TestIndex(t *testing.T) {
	random := rand.NewChaCha8([32]byte{7})
	bytesOf := func(n int) []byte {
		b := make([]byte, n)
		random.Read(b)
		return b
	}
	text := bytesOf(1000)
	index := memorytest.NewIndex(text)
	for at := range len(text) - 64 {
		data := bytes.Join([][]byte{bytesOf(at % 13), text[at : at+64], bytesOf(20)}, nil)
		if n := index.Found(data); n < 64 || n > 66 {
			t.Fatalf("of the 64 bytes from %d on %d are found", at, n)
		}
		data = bytes.Join([][]byte{bytesOf(at % 13), text[at : at+60], bytesOf(20)}, nil)
		if n := index.Found(data); n > 0 {
			t.Fatalf("of the 60 bytes from %d on %d are found", at, n)
		}
	}
	if n := index.Found(bytes.Join([][]byte{text, bytesOf(100), text[200:300]}, nil)); n < 1100 || n > 1104 {
		t.Errorf("of 1000 bytes and 100 %d are found", n)
	}
	dull := append(make([]byte, 500), bytes.Repeat([]byte("abcdefgh"), 50)...)
	if n := memorytest.NewIndex(dull).Found(dull); n > 0 {
		t.Errorf("%d bytes of silence and a pattern are found", n)
	}
}
