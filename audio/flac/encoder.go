package flac

import "encoding/binary"

// An Encoder writes the frames of one stream.
type Encoder struct {
	format
	number  int64      // of the next frame
	signals [4][]int32 // left, right, middle and side of one block
	coder   coder
}

// NewEncoder begins the stream of a recording with 16-bit samples.
func NewEncoder(id string, rate, channels int) (*Encoder, error) {
	f, err := newFormat(id, rate, channels)
	if err != nil {
		return nil, err
	}
	e := &Encoder{format: f}
	for i := range e.signals {
		e.signals[i] = make([]int32, f.block)
	}
	return e, nil
}

// Header is all that comes before the first frame.
func (e *Encoder) Header() []byte { return e.header(totals{}) }

// Frames appends samples, interleaved, as frames. Their number is a multiple of what a second holds, but at the very end of the
// stream.
func (e *Encoder) Frames(dst []byte, samples []int16) []byte {
	for len(samples) > 0 {
		n := min(len(samples), e.block*e.channels)
		dst = e.frame(dst, samples[:n])
		samples = samples[n:]
	}
	return dst
}

func (e *Encoder) frame(dst []byte, samples []int16) []byte {
	at, n := len(dst), len(samples)/e.channels
	left, right, mid, side := e.signals[0][:n], e.signals[1][:n], e.signals[2][:n], e.signals[3][:n]
	channels := mono
	if e.channels == 1 {
		for i := range left {
			left[i] = int32(samples[i])
		}
	} else {
		for i := range left {
			l, r := int32(samples[2*i]), int32(samples[2*i+1])
			left[i], right[i], mid[i], side[i] = l, r, (l+r)>>1, l-r
		}
		channels = cheapest(cost(left), cost(right), cost(mid), cost(side))
	}
	dst = e.frameHeader(dst, e.number, n, channels)
	e.number++
	w := &writer{out: dst}
	switch channels {
	case mono:
		e.coder.subframe(w, left, depth)
	case leftRight:
		e.coder.subframe(w, left, depth)
		e.coder.subframe(w, right, depth)
	case leftSide:
		e.coder.subframe(w, left, depth)
		e.coder.subframe(w, side, depth+1)
	case sideRight:
		e.coder.subframe(w, side, depth+1)
		e.coder.subframe(w, right, depth)
	case midSide:
		e.coder.subframe(w, mid, depth)
		e.coder.subframe(w, side, depth+1)
	}
	dst = w.flush()
	return binary.BigEndian.AppendUint16(dst, crc16(0, dst[at:]))
}

// cheapest chooses how to store two channels.
func cheapest(left, right, mid, side int64) byte {
	best, least := leftRight, left+right
	for _, c := range []struct {
		how  byte
		cost int64
	}{{leftSide, left + side}, {sideRight, side + right}, {midSide, mid + side}} {
		if c.cost < least {
			best, least = c.how, c.cost
		}
	}
	return best
}

// cost estimates what a signal costs: the sum of its second differences.
func cost(signal []int32) (sum int64) {
	for i := 2; i < len(signal); i++ {
		d := signal[i] - 2*signal[i-1] + signal[i-2]
		sum += int64(max(d, -d))
	}
	return sum
}

// A writer packs bits, most significant first.
type writer struct {
	out  []byte
	acc  uint64 // the last n bits
	used int
}

// put appends the n lowest bits of v, 32 at most.
func (w *writer) put(v uint32, n int) {
	w.acc = w.acc<<n | uint64(v)&(1<<n-1)
	w.used += n
	for w.used >= 8 {
		w.used -= 8
		w.out = append(w.out, byte(w.acc>>w.used))
	}
}

// zeros appends n of them.
func (w *writer) zeros(n int) {
	for ; n > 32; n -= 32 {
		w.put(0, 32)
	}
	w.put(0, n)
}

// flush fills the last byte up with zeros.
func (w *writer) flush() []byte {
	w.put(0, (8-w.used)%8)
	return w.out
}
