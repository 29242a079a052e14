package flac

import (
	"encoding/binary"
	"fmt"
)

// Tag is the comment that holds the recording's ID.
const Tag = "TACET_ID="

const (
	vendor   = "tacet"
	infoLen  = 34      // of the stream's description
	blockMax = 4608    // what any decoder has to take, up to 48 kHz
	blockMin = 192     // less would make frames that are mostly headers
	lastMeta = 1 << 7  // this block is the last before the frames
	depth    = 16      // bits of a sample
	comments = byte(4) // the type of the block with comments
)

// blockFor is how many samples a frame holds: the most that divides a second.
func blockFor(rate int) (int, error) {
	for n := blockMax; n >= blockMin; n-- {
		if rate > 0 && rate%n == 0 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%d Hz: a second can't be cut into blocks", rate)
}

// A format is what stands in a stream's header.
type format struct {
	rate, channels, block int
	id                    string
}

func newFormat(id string, rate, channels int) (format, error) {
	if channels < 1 || channels > 2 {
		return format{}, fmt.Errorf("%d channels: there can be 1 or 2", channels)
	}
	if rate >= 1<<20 {
		return format{}, fmt.Errorf("%d Hz: there can be %d at most", rate, 1<<20-1)
	}
	block, err := blockFor(rate)
	return format{rate, channels, block, id}, err
}

// totals are what only a finished file knows: zero means unknown.
type totals struct {
	samples            int64
	frameMin, frameMax int // bytes
}

// header is all that comes before the first frame.
func (f format) header(t totals) []byte {
	h := append([]byte("fLaC"), 0, 0, 0, infoLen)
	h = binary.BigEndian.AppendUint16(h, uint16(f.block))
	h = binary.BigEndian.AppendUint16(h, uint16(f.block))
	h = append(h, byte(t.frameMin>>16), byte(t.frameMin>>8), byte(t.frameMin))
	h = append(h, byte(t.frameMax>>16), byte(t.frameMax>>8), byte(t.frameMax))
	h = binary.BigEndian.AppendUint64(h, uint64(f.rate)<<44|uint64(f.channels-1)<<41|uint64(depth-1)<<36|uint64(t.samples)&(1<<36-1))
	h = append(h, make([]byte, 16)...) // no MD5: nobody has heard all of it at once

	comment := Tag + f.id
	size := 4 + len(vendor) + 4 + 4 + len(comment)
	h = append(h, lastMeta|comments, byte(size>>16), byte(size>>8), byte(size))
	h = binary.LittleEndian.AppendUint32(h, uint32(len(vendor)))
	h = append(h, vendor...)
	h = binary.LittleEndian.AppendUint32(h, 1)
	h = binary.LittleEndian.AppendUint32(h, uint32(len(comment)))
	return append(h, comment...)
}

// rateCode is a frame header's word for the sampling rate; 0 says that it stands in the stream's header.
func rateCode(rate int) byte {
	return map[int]byte{88200: 1, 176400: 2, 192000: 3, 8000: 4, 16000: 5, 22050: 6, 24000: 7, 32000: 8, 44100: 9, 48000: 10, 96000: 11}[rate]
}

// How a frame's channels are stored.
const (
	mono      byte = 0
	leftRight byte = 1
	leftSide  byte = 8
	sideRight byte = 9
	midSide   byte = 10
)

// frameHeader appends the header of a frame.
func (f format) frameHeader(dst []byte, number int64, samples int, channels byte) []byte {
	at := len(dst)
	dst = append(dst, 0xff, 0xf8, 7<<4|rateCode(f.rate), channels<<4|4<<1)
	dst = appendNumber(dst, uint32(number))
	dst = binary.BigEndian.AppendUint16(dst, uint16(samples-1))
	return append(dst, crc8(dst[at:]))
}

// appendNumber appends a frame's number, coded as UTF-8 is, but up to 31 bits.
func appendNumber(dst []byte, n uint32) []byte {
	if n < 0x80 {
		return append(dst, byte(n))
	}
	more := 1
	for limit := uint32(1) << 11; more < 5 && n >= limit; limit <<= 5 {
		more++
	}
	lead := byte(0xff) << (7 - more)
	dst = append(dst, lead|byte(n>>(6*more)))
	for more--; more >= 0; more-- {
		dst = append(dst, 0x80|byte(n>>(6*more))&0x3f)
	}
	return dst
}

// parseFrame takes the header of the frame with a given number from the front of data, and returns how many samples the frame
// has. It knows only headers as they are written here.
func (f format) parseFrame(data []byte, number int64) (samples int, ok bool) {
	const channelsAt, most = 3, 13
	if len(data) < most {
		data = append(data[:len(data):len(data)], make([]byte, most)...)
	}
	channels := data[channelsAt] >> 4
	if f.channels == 1 && channels != mono || f.channels == 2 && (channels == mono || channels > leftRight && channels < leftSide || channels > midSide) {
		return 0, false
	}
	want := f.frameHeader(nil, number, 1, channels)
	n := len(want) - 3 // up to the length and the checksum
	if string(data[:n]) != string(want[:n]) || crc8(data[:n+2]) != data[n+2] {
		return 0, false
	}
	samples = int(binary.BigEndian.Uint16(data[n:])) + 1
	return samples, samples <= f.block
}
