package ogg

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// The flags of a page.
const (
	Continued byte = 1 << iota // the page starts within a packet
	First                      // of the stream
	Last                       // of the stream
)

const (
	capture   = "OggS"
	headerLen = 27
	maxLacing = 255
	flagsAt   = 5
	crcAt     = 22
)

// A Page is one page of a stream.
type Page struct {
	Flags    byte
	Granule  int64 // samples at 48 kHz up to the end of the page's last packet
	Serial   uint32
	Sequence uint32
	Lacing   []byte // the packets' lengths: 255 for each full piece, then the rest
	Body     []byte // the packets
}

// Append appends the encoded page.
func (p *Page) Append(dst []byte) []byte {
	at := len(dst)
	dst = slices.Grow(dst, headerLen+len(p.Lacing)+len(p.Body)) // once, so that no copy of the sound is left
	dst = append(dst, capture...)
	dst = append(dst, 0, p.Flags)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(p.Granule))
	dst = binary.LittleEndian.AppendUint32(dst, p.Serial)
	dst = binary.LittleEndian.AppendUint32(dst, p.Sequence)
	dst = append(dst, 0, 0, 0, 0, byte(len(p.Lacing)))
	dst = append(dst, p.Lacing...)
	dst = append(dst, p.Body...)
	binary.LittleEndian.PutUint32(dst[at+crcAt:], checksum(dst[at:]))
	return dst
}

// Parse parses the page at the start of data and returns what follows it. Lacing and Body alias
// data.
func Parse(data []byte) (p Page, rest []byte, err error) {
	if len(data) < headerLen || string(data[:4]) != capture || data[4] != 0 {
		return p, nil, errors.New("not an Ogg page")
	}
	end := headerLen + int(data[26])
	if len(data) < end {
		return p, nil, errors.New("an Ogg page is truncated")
	}
	p.Lacing = data[headerLen:end:end]
	start := end
	for _, n := range p.Lacing {
		end += int(n)
	}
	if len(data) < end {
		return p, nil, errors.New("an Ogg page is truncated")
	}
	p.Flags = data[flagsAt]
	p.Granule = int64(binary.LittleEndian.Uint64(data[6:]))
	p.Serial = binary.LittleEndian.Uint32(data[14:])
	p.Sequence = binary.LittleEndian.Uint32(data[18:])
	p.Body = data[start:end:end]
	if want := binary.LittleEndian.Uint32(data[crcAt:]); checksum(data[:end]) != want {
		return p, nil, fmt.Errorf("page %d has a wrong checksum", p.Sequence)
	}
	return p, data[end:], nil
}

// Packets yields the packets of the page. whole is false for a last one that continues on the next
// page.
func (p *Page) Packets(yield func(packet []byte, whole bool) bool) {
	start, end := 0, 0
	for _, n := range p.Lacing {
		end += int(n)
		if n < maxLacing {
			if !yield(p.Body[start:end], true) {
				return
			}
			start = end
		}
	}
	if start < end {
		yield(p.Body[start:end], false)
	}
}

// lace appends the lacing of a packet of n bytes.
func lace(lacing []byte, n int) []byte {
	for ; n >= maxLacing; n -= maxLacing {
		lacing = append(lacing, maxLacing)
	}
	return append(lacing, byte(n))
}

// checksum is Ogg's CRC-32 of a page, with the checksum field taken as zero.
func checksum(page []byte) uint32 {
	var crc uint32
	for i, b := range page {
		if i >= crcAt && i < crcAt+4 {
			b = 0
		}
		crc = crc<<8 ^ crcTable[byte(crc>>24)^b]
	}
	return crc
}

// crcTable is for the polynomial 0x04c11db7, most significant bit first.
var crcTable = func() (table [256]uint32) {
	for i := range table {
		crc := uint32(i) << 24
		for range 8 {
			crc = crc<<1 ^ crc>>31*0x04c11db7
		}
		table[i] = crc
	}
	return table
}()
