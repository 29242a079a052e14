package wav

import (
	"bytes"
	"encoding/binary"
	"testing"
)

func TestHeaderHasTheTrueLength(t *testing.T) {
	for _, c := range []struct {
		length     int64
		riff, data uint32
	}{{0, 36, 0}, {96000, 96036, 96000}, {MaxLength, 0xfffffff6, 0xffffffd2}, {MaxLength + 1, 0xffffffff, 0xffffffff},
		{Unknown, 0xffffffff, 0xffffffff}, {5 << 30, 0xffffffff, 0xffffffff}} {
		h := Header(48000, 2, c.length)
		if len(h) != HeaderLen || binary.LittleEndian.Uint32(h[4:]) != c.riff ||
			binary.LittleEndian.Uint32(h[40:]) != c.data {
			t.Errorf("%d: %x", c.length, h)
		}
	}
}

func TestJoiner(t *testing.T) {
	const rate = 100
	second := func(b byte) []byte { return bytes.Repeat([]byte{b}, 2*rate) }
	first := append(Header(rate, 1, Unknown), second(1)...)
	for name, c := range map[string]struct {
		segments [][]byte // nil: lost
		want     []byte   // nil: the last one is refused
	}{
		"whole": {[][]byte{first, second(2), second(3)[:50]},
			append(append(append(Header(rate, 1, 450), second(1)...), second(2)...), second(3)[:50]...)},
		"first one lost":    {[][]byte{nil, second(2)}, append(append(Header(rate, 1, 400), second(0)...), second(2)...)},
		"another header":    {[][]byte{append(Header(rate, 2, Unknown), second(1)...)}, nil},
		"no header":         {[][]byte{second(1)}, nil},
		"too long":          {[][]byte{first, append(second(2), 0, 0)}, nil},
		"half a sample":     {[][]byte{first, second(2)[:3]}, nil},
		"one after the end": {[][]byte{first, second(2)[:4], second(3)}, nil},
		"lost at the end":   {[][]byte{first, second(2)[:4], nil}, nil},
	} {
		j := NewJoiner(rate, 1)
		var file []byte
		for i, s := range c.segments {
			out, err := j.Add(s)
			if s == nil {
				out, err = j.Skip()
			}
			if refused := c.want == nil && i == len(c.segments)-1; (err != nil) != refused {
				t.Errorf("%s: segment %d: %v", name, i, err)
			}
			file = append(file, out...)
		}
		if c.want == nil {
			continue
		}
		if _, err := j.Finish(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		copy(file, j.Header())
		if !bytes.Equal(file, c.want) {
			t.Errorf("%s:\n%x instead of\n%x", name, file, c.want)
		}
	}
}
