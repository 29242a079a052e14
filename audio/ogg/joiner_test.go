package ogg

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const id = "7q4k9mz2ha"

// packet is 20 ms of CELT at 32 kbit/s.
func packet(i int) []byte {
	p := bytes.Repeat([]byte{byte(i)}, 80)
	p[0] = 31 << 3
	return p
}

// segments makes a recording of some full seconds and 300 ms.
func segments(id string, seconds int) [][]byte {
	s, out := NewStream(id, Head{Channels: 1, PreSkip: PreSkip, Rate: 48000})
	var list [][]byte
	for i := range seconds {
		for k := range 50 {
			s.Packet(packet(k))
		}
		list, out = append(list, s.Page(out, 0, int64(i+1)*Rate)), nil
	}
	for k := range 16 {
		s.Packet(packet(k))
	}
	return append(list, s.Page(out, Last, int64(seconds)*Rate+300*48+PreSkip))
}

// pages parses a file and checks that it is one complete stream.
func pages(t interface{ Fatalf(string, ...any) }, file []byte, seconds int64) []Page {
	var list []Page
	var granule int64
	for len(file) > 0 {
		p, rest, err := Parse(file)
		if err != nil {
			t.Fatalf("page %d: %v", len(list), err)
		}
		if p.Serial != Serial(id) || int(p.Sequence) != len(list) || p.Granule < granule ||
			(p.Flags&First != 0) != (len(list) == 0) || (p.Flags&Last != 0) != (len(rest) == 0) {
			t.Fatalf("page %d: %+v", len(list), p)
		}
		granule = p.Granule
		list, file = append(list, p), rest
	}
	if granule/Rate != seconds {
		t.Fatalf("the file ends at %d", granule)
	}
	return list
}

func TestJoinerGivesBackAWholeRecording(t *testing.T) {
	var want, got []byte
	j := NewJoiner(id, 48000, 1)
	for _, s := range segments(id, 5) {
		want = append(want, s...)
		out, err := j.Add(s)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, out...)
	}
	out, err := j.Finish()
	if got = append(got, out...); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes instead of %d, %v", len(got), len(want), err)
	}
	if j.Samples() != 5*48000+300*48 {
		t.Errorf("%d samples", j.Samples())
	}
	pages(t, got, 5)
	if _, err := j.Add(segments(id, 5)[1]); err == nil {
		t.Error("it went on after the end")
	}
}

// Any segments may be lost, including the first and the last.
func TestJoinerMendsWhatIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "seconds")
		all := segments(id, n)
		lost := rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "lost")
		cut := rapid.Bool().Draw(t, "cut")
		j := NewJoiner(id, 48000, 1)
		var file []byte
		for i, s := range all[:n] {
			add := func() ([]byte, error) { return j.Add(s) }
			if lost[i] {
				// In its place is another second, or the same one with a flipped bit.
				wrong := bytes.Clone(s)
				wrong[rapid.IntRange(0, len(s)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
				if _, err := j.Add(wrong); err == nil {
					t.Fatalf("a damaged segment was taken")
				}
				add = j.Skip
			}
			out, err := add()
			if err != nil {
				t.Fatalf("second %d: %v", i, err)
			}
			file = append(file, out...)
		}
		want := int64(n)
		if !cut {
			out, err := j.Add(all[n])
			if err != nil {
				t.Fatalf("the last one: %v", err)
			}
			file = append(file, out...)
		}
		out, err := j.Finish()
		if err != nil {
			t.Fatal(err)
		}
		list := pages(t, append(file, out...), want)
		for i := range n {
			length := 0
			for p, whole := range list[i+2].Packets {
				d, err := Duration(p)
				if err != nil || !whole {
					t.Fatalf("second %d: %v", i, err)
				}
				if length += d; lost[i] != (len(p) == 3) {
					t.Fatalf("second %d holds a packet of %d bytes", i, len(p))
				}
			}
			if length != Rate {
				t.Fatalf("second %d is %d samples long", i, length)
			}
		}
	})
}

func TestJoinerRefusesWhatIsOutOfPlace(t *testing.T) {
	all, other := segments(id, 5), segments("other", 5)
	for name, list := range map[string][][]byte{
		"another recording":       {all[0], other[1]},
		"another one's headers":   {other[0]},
		"one left out":            {all[0], all[1], all[3]},
		"one twice":               {all[0], all[1], all[1]},
		"a later one":             {all[0], all[2]},
		"headers in the middle":   {all[0], all[0]},
		"no headers":              {all[1]},
		"two in one":              {all[0], append(bytes.Clone(all[1]), all[2]...)},
		"something after it":      {all[0], append(bytes.Clone(all[1]), 0)},
		"nothing":                 {all[0], nil},
		"one after the end":       {all[0], all[1], all[2], all[3], all[4], all[5], all[5]},
		"a page that claims less": {all[0], resealed(all[1], func(p *Page) { p.Granule-- })},
		"a page that holds less": {all[0],
			resealed(all[1], func(p *Page) { p.Lacing, p.Body = p.Lacing[1:], p.Body[80:] })},
		"another page's number": {all[0], resealed(all[1], func(p *Page) { p.Sequence++ })},
		"less than a second": {all[0],
			resealed(all[1], func(p *Page) { p.Lacing, p.Body, p.Granule = p.Lacing[1:], p.Body[80:], p.Granule-960 })},
		"an end beyond its packets": {all[0], resealed(all[1], func(p *Page) { p.Flags, p.Granule = Last, p.Granule+1 })},
		"a page of nothing":         {all[0], resealed(all[1], func(p *Page) { p.Lacing, p.Body = nil, nil })},
		"an end too soon":           {all[0], resealed(all[1], func(p *Page) { p.Flags, p.Granule = Last, Rate })},
		"a packet cut": {all[0], resealed(all[1], func(p *Page) {
			p.Lacing = append(slices.Clone(p.Lacing[:49]), 255)
			p.Body = append(bytes.Clone(p.Body), bytes.Repeat([]byte{1}, 175)...)
		})},
	} {
		j := NewJoiner(id, 48000, 1)
		for i, s := range list {
			before := *j
			out, err := j.Add(s)
			if (err == nil) != (i < len(list)-1) {
				t.Errorf("%s: segment %d: %v", name, i, err)
			}
			if err != nil && (out != nil || j.granule != before.granule || j.sequence != before.sequence ||
				j.started != before.started || j.ended != before.ended) {
				t.Errorf("%s: a segment that was refused has changed something", name)
			}
		}
	}
}

// resealed is a segment of one page with a change and a correct checksum.
func resealed(segment []byte, change func(*Page)) []byte {
	p, _, err := Parse(segment)
	if err != nil {
		panic(err)
	}
	change(&p)
	return p.Append(nil)
}

func TestJoinerRefusesOtherHeaders(t *testing.T) {
	build := func(head, tags []byte) []byte {
		s := &Stream{serial: Serial(id)}
		s.Packet(head)
		out := s.Page(nil, First, 0)
		s.Packet(tags)
		out = s.Page(out, 0, 0)
		for k := range 50 {
			s.Packet(packet(k))
		}
		return s.Page(out, 0, Rate)
	}
	comments := func(list ...string) []byte {
		p := binary.LittleEndian.AppendUint32([]byte("OpusTags"), 0)
		p = binary.LittleEndian.AppendUint32(p, uint32(len(list)))
		for _, c := range list {
			p = append(binary.LittleEndian.AppendUint32(p, uint32(len(c))), c...)
		}
		return p
	}
	good := Head{Channels: 1, PreSkip: PreSkip, Rate: 48000}
	for name, c := range map[string]struct {
		head Head
		tags []byte
		ok   bool
	}{
		"ours":          {good, tags(id), true},
		"more comments": {good, comments("A=b", Tag+id, "C=d"), true},
		"two channels":  {Head{2, PreSkip, 48000}, tags(id), false},
		"another rate":  {Head{1, PreSkip, 16000}, tags(id), false},
		"another skip":  {Head{1, 0, 48000}, tags(id), false},
		"another id":    {good, tags("other"), false},
		"no id":         {good, comments("A=b"), false},
		"two ids":       {good, comments(Tag+id, Tag+"other"), false},
		"a count too big": {good, binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32([]byte("OpusTags"), 0),
			1<<31), false},
		"a length too big": {good, binary.LittleEndian.AppendUint32([]byte("OpusTags"), 1<<31), false},
		"no tags":          {good, []byte("OpusTags"), false},
	} {
		if _, err := NewJoiner(id, 48000, 1).Add(build(c.head.packet(), c.tags)); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDuration(t *testing.T) {
	for _, c := range []struct {
		packet []byte
		want   int // 0: an error
	}{
		{nil, 0}, {[]byte{0}, 480}, {[]byte{3 << 3}, 2880}, {[]byte{3<<3 | 1}, 5760}, {[]byte{13 << 3}, 960},
		{[]byte{16 << 3}, 120}, {[]byte{31 << 3}, 960},
		{[]byte{31<<3 | 3}, 0}, {[]byte{31<<3 | 3, 0}, 0}, {[]byte{31<<3 | 3, 6}, 5760}, {[]byte{31<<3 | 3, 7}, 0},
		{[]byte{3<<3 | 3, 0x80 | 2}, 5760},
	} {
		if n, err := Duration(c.packet); n != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("%x: %d, %v", c.packet, n, err)
		}
	}
}

func TestPageKeepsPacketsOfAnyLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfN(rapid.IntRange(0, 1000), 0, 40).Draw(t, "lengths")
		s := &Stream{serial: 5}
		for i, n := range lengths {
			s.Packet(bytes.Repeat([]byte{byte(i)}, n))
		}
		data := s.Page(nil, 0, 7)
		p, rest, err := Parse(append(data, "more"...))
		if err != nil || string(rest) != "more" || p.Granule != 7 || p.Serial != 5 {
			t.Fatalf("%+v, %q, %v", p, rest, err)
		}
		i := 0
		for packet, whole := range p.Packets {
			if len(packet) != lengths[i] || !whole {
				t.Fatalf("packet %d has %d bytes instead of %d", i, len(packet), lengths[i])
			}
			i++
		}
		if i != len(lengths) {
			t.Fatalf("%d packets instead of %d", i, len(lengths))
		}
	})
}

func FuzzJoiner(f *testing.F) {
	for _, s := range segments(id, 2) {
		f.Add(s, false)
		f.Add(s, true)
	}
	f.Fuzz(func(t *testing.T, data []byte, second bool) {
		j := NewJoiner(id, 48000, 1)
		if second {
			if _, err := j.Add(segments(id, 1)[0]); err != nil {
				t.Fatal(err)
			}
		}
		_, err := j.Add(data)
		if _, err2 := j.Skip(); err == nil && err2 != nil && !j.ended {
			t.Fatal(err2)
		}
		if _, err := j.Finish(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(segments(id, 1)[0])
	f.Fuzz(func(t *testing.T, data []byte) {
		for {
			p, rest, err := Parse(data)
			if err != nil {
				return
			}
			if again := p.Append(nil); !bytes.Equal(again, data[:len(data)-len(rest)]) {
				t.Fatalf("%x became %x", data, again)
			}
			for packet := range p.Packets {
				_, _ = Duration(packet)
			}
			_, _ = parseTags(p.Body)
			_, _ = parseHead(p.Body)
			data = rest
		}
	})
}
