package flac

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Header is the header of a stream whose length is not known.
func Header(id string, rate, channels int) ([]byte, error) {
	f, err := newFormat(id, rate, channels)
	if err != nil {
		return nil, err
	}
	return f.header(totals{}), nil
}

// FramesPerSecond is the number of frames in a full second.
func FramesPerSecond(rate int) (int64, error) {
	block, err := blockFor(rate)
	if err != nil {
		return 0, err
	}
	return int64(rate / block), nil
}

// Renumber returns frames that are numbered from one number on, numbered from another on. The sound
// stays as it is; the numbers and the checksums over them change.
func Renumber(id string, rate, channels int, frames []byte, from, to int64) ([]byte, error) {
	f, err := newFormat(id, rate, channels)
	if err != nil {
		return nil, err
	}
	if to < 0 || to > 1<<31-1 {
		return nil, fmt.Errorf("a frame can't have the number %d", to)
	}
	j := &Joiner{format: f, number: from}
	var out []byte
	for len(frames) > 0 {
		_, size, err := j.frame(frames)
		if err != nil {
			return nil, fmt.Errorf("frame %d: %w", j.number, err)
		}
		if out, err = renumbered(out, frames[:size], uint32(to)); err != nil {
			return nil, fmt.Errorf("frame %d: %w", j.number, err)
		}
		frames = frames[size:]
		j.number, to = j.number+1, to+1
	}
	return out, nil
}

// renumbered appends one frame with another number.
func renumbered(dst, frame []byte, number uint32) ([]byte, error) {
	const numberAt = 4
	more := 0 // bytes that follow the number's first one
	for lead := frame[numberAt]; lead&0x80 != 0 && lead&(0x40>>more) != 0; more++ {
	}
	rest := numberAt + 1 + more
	switch frame[2] >> 4 { // the block's length, if it follows
	case 6:
		rest++
	case 7:
		rest += 2
	}
	headerEnd := rest
	switch frame[2] & 15 { // the rate, likewise
	case 12:
		headerEnd++
	case 13, 14:
		headerEnd += 2
	}
	if headerEnd+1+2 > len(frame) {
		return nil, errors.New("it is too short")
	}
	at := len(dst)
	dst = append(dst, frame[:numberAt]...)
	dst = appendNumber(dst, number)
	dst = append(dst, frame[numberAt+1+more:headerEnd]...)
	dst = append(dst, crc8(dst[at:]))
	dst = append(dst, frame[headerEnd+1:len(frame)-2]...)
	return binary.BigEndian.AppendUint16(dst, crc16(dst[at:])), nil
}
