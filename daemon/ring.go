package daemon

import (
	"sync/atomic"
	"time"

	"tacet/audio/locked"
	"tacet/audio/monitor"
)

const (
	// ringBlocks blocks of blockLength are the samples in memory between the audio thread and the
	// encoder: 12.8 s, and half of that at least, since a block is handed on once it is half full.
	ringBlocks  = 128
	blockLength = 100 * time.Millisecond
)

// block is a stretch of the room's sound in the ring's memory. It belongs to the audio thread while
// it is filled, then to the owner goroutine, then to the recorder, which gives it back.
type block struct {
	memory  []int16     // its place in the ring
	samples []int16     // interleaved; within memory
	arrived time.Time   // of its last sample: compared with edges and readings, and with nothing else
	raw     monitor.Raw // the same moment; judges the card, and nothing else
	opening uint64      // which opening of the microphone it came from
	lost    int64       // frames dropped before it because the ring was full
	overrun bool        // the card says that it threw samples away before it

	silence int64   // frames of declared silence in front of it
	decided bool    // the gap finder is done with it
	rate    float64 // frames a second that the card really makes; 0: not known
}

// ring is the memory for samples in clear. It is locked, so that no sample reaches swap, and wiped
// as blocks come back.
type ring struct {
	memory []byte
	free   chan *block
	lost   atomic.Int64 // frames the audio thread found no block for
}

func newRing(rate, channels int) (*ring, error) {
	length := int(int64(rate)*int64(blockLength)/int64(time.Second)) * channels
	memory, err := locked.New(ringBlocks * length * 2)
	if err != nil {
		return nil, err
	}
	all := locked.Samples(memory)
	r := &ring{memory: memory, free: make(chan *block, ringBlocks)}
	for i := range ringBlocks {
		r.free <- &block{memory: all[i*length : (i+1)*length : (i+1)*length]}
	}
	return r, nil
}

// take returns an empty block; nil where none is free. It doesn't block.
func (r *ring) take() *block {
	select {
	case b := <-r.free:
		b.samples = b.memory[:0]
		b.silence, b.decided, b.rate = 0, false, 0
		b.lost = r.lost.Swap(0)
		return b
	default:
		return nil
	}
}

// give takes a block back.
func (r *ring) give(b *block) {
	clear(b.memory)
	r.free <- b
}

func (r *ring) close() error { return locked.Free(r.memory) }
