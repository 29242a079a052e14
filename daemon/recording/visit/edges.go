package visit

import (
	"encoding/binary"
	"errors"

	"tacet/audio/container"
	"tacet/audio/ogg"
)

// edge is what is no packet in a segment at an edge.
type edge struct {
	bytes   []byte
	packets int64
}

// track computes what the file of packets is, from the edges. Edges that are not the recording's
// show when the first or last second is sealed again.
func (p *Proof) track() (t container.Track, edges map[int64]edge, err error) {
	t = container.Track{Channels: p.Head.Audio.Channels, Rate: p.Head.Audio.Rate}
	first, last := givenIn(&p.Part)
	edges = map[int64]edge{}
	rest := p.edges
	length := map[int64]int64{}
	for _, s := range []int64{first, last} {
		if _, done := edges[s]; done {
			continue
		}
		pages := 1
		if s == 0 {
			pages = 3 // the stream's headers, and the page
		}
		start := rest
		var lacing []byte
		for i := range pages {
			var granule int64
			if lacing, granule, rest, err = pageHeader(rest, i < pages-1); err != nil {
				return t, nil, err
			}
			length[s] = granule - s*ogg.Rate
		}
		e := edge{bytes: start[:len(start)-len(rest)]}
		if e.packets, err = laced(lacing, &t); err != nil {
			return t, nil, err
		}
		edges[s] = e
	}
	if len(rest) > 0 {
		return t, nil, errors.New("something follows them")
	}
	for s := p.Part.From; s < p.Part.To; s++ {
		e, ok := edges[s]
		if !ok {
			e.packets, length[s] = packetsPerSecond, ogg.Rate
		}
		if length[s] < 0 || length[s] > 2*ogg.Rate {
			return t, nil, errors.New("a length that can't be")
		}
		t.Packets += e.packets
		t.Length += length[s]
	}
	return t, edges, nil
}

var errPage = errors.New("not the header of a page")

// pageHeader parses the header of an Ogg page, and skips its body if that is there too.
func pageHeader(b []byte, body bool) (lacing []byte, granule int64, rest []byte, err error) {
	const size = 27
	if len(b) < size || len(b) < size+int(b[26]) {
		return nil, 0, nil, errPage
	}
	granule = int64(binary.LittleEndian.Uint64(b[6:]))
	lacing, rest = b[size:size+int(b[26])], b[size+int(b[26]):]
	if body {
		n := 0
		for _, l := range lacing {
			n += int(l)
		}
		if n > len(rest) {
			return nil, 0, nil, errPage
		}
		rest = rest[n:]
	}
	return lacing, granule, rest, nil
}

// laced counts the packets of a page, which must all have the track's size.
func laced(lacing []byte, t *container.Track) (packets int64, err error) {
	n, open := 0, false
	for _, l := range lacing {
		n += int(l)
		if open = l == 255; open {
			continue
		}
		if t.PacketSize == 0 {
			t.PacketSize = n
		}
		if n != t.PacketSize || n == 0 {
			return 0, errSizes
		}
		packets, n = packets+1, 0
	}
	if open {
		return 0, errPage
	}
	return packets, nil
}
