package flac

import (
	"crypto/md5"
	"encoding/binary"
	"fmt"
)

const (
	tagName  = "TACET_ID" // the comment with the recording's ID
	vendor   = "tacet"
	infoLen  = 34      // the length of the STREAMINFO block
	blockMax = 4608    // every decoder supports this, up to 48 kHz
	blockMin = 192     // shorter frames would be mostly headers
	lastMeta = 1 << 7  // the flag of the last block before the frames
	depth    = 16      // bits per sample
	comments = byte(4) // the type of the comment block
)

// blockFor is the largest block length that divides a second.
func blockFor(rate int) (int, error) {
	for n := blockMax; n >= blockMin; n-- {
		if rate > 0 && rate%n == 0 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%d Hz: a second can't be divided into blocks", rate)
}

// A format holds what a stream's header says.
type format struct {
	rate, channels, block int
	id                    string
}

func newFormat(id string, rate, channels int) (format, error) {
	if channels < 1 || channels > 2 {
		return format{}, fmt.Errorf("%d channels: only 1 or 2 are supported", channels)
	}
	if rate >= 1<<20 {
		return format{}, fmt.Errorf("%d Hz: the maximum is %d", rate, 1<<20-1)
	}
	block, err := blockFor(rate)
	return format{rate, channels, block, id}, err
}

// totals are known only when the file is finished. Zero means unknown.
type totals struct {
	samples            int64
	frameMin, frameMax int // bytes
	md5                [md5.Size]byte
}

// header returns everything before the first frame.
func (f format) header(t totals) []byte {
	h := append([]byte("fLaC"), 0, 0, 0, infoLen)
	h = binary.BigEndian.AppendUint16(h, uint16(f.block))
	h = binary.BigEndian.AppendUint16(h, uint16(f.block))
	h = append(h, byte(t.frameMin>>16), byte(t.frameMin>>8), byte(t.frameMin))
	h = append(h, byte(t.frameMax>>16), byte(t.frameMax>>8), byte(t.frameMax))
	h = binary.BigEndian.AppendUint64(h,
		uint64(f.rate)<<44|uint64(f.channels-1)<<41|uint64(depth-1)<<36|uint64(t.samples)&(1<<36-1))
	h = append(h, t.md5[:]...)

	comment := tagName + "=" + f.id
	size := 4 + len(vendor) + 4 + 4 + len(comment)
	h = append(h, lastMeta|comments, byte(size>>16), byte(size>>8), byte(size))
	h = binary.LittleEndian.AppendUint32(h, uint32(len(vendor)))
	h = append(h, vendor...)
	h = binary.LittleEndian.AppendUint32(h, 1)
	h = binary.LittleEndian.AppendUint32(h, uint32(len(comment)))
	return append(h, comment...)
}

// rateCode is the code of the sample rate in a frame header; 0 refers to the stream's header.
func rateCode(rate int) byte {
	return map[int]byte{88200: 1, 176400: 2, 192000: 3, 8000: 4, 16000: 5, 22050: 6, 24000: 7, 32000: 8, 44100: 9,
		48000: 10, 96000: 11}[rate]
}

// silence appends a frame of samples that are zero.
func (f format) silence(dst []byte, number int64, samples int) []byte {
	const (
		lengthFollows = 7 << 4 // as 16 bits
		size16        = 4 << 1
	)
	at := len(dst)
	dst = append(dst, 0xff, 0xf8, lengthFollows|rateCode(f.rate), byte(f.channels-1)<<4|size16)
	dst = appendNumber(dst, uint32(number))
	dst = binary.BigEndian.AppendUint16(dst, uint16(samples-1))
	dst = append(dst, crc8(dst[at:]))
	for range f.channels {
		dst = append(dst, 0, 0, 0) // a constant subframe of value 0
	}
	return binary.BigEndian.AppendUint16(dst, crc16(dst[at:]))
}

// appendNumber appends a frame number in the coding of UTF-8, extended to 31 bits.
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
