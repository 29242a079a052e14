// Package ring holds captured samples in clear, between the audio thread and the encoder, in locked
// memory that is wiped as it comes back.
package ring

import (
	"sync/atomic"
	"time"

	"tacet/audio/locked"
	"tacet/audio/monitor"
)

const (
	// Blocks is the number of blocks. A block is passed on once it is half full, so the ring holds
	// between 6.4 s and 12.8 s.
	Blocks      = 128
	blockLength = 100 * time.Millisecond
)

// Block is up to 100 ms of the room's sound. It belongs to the audio thread while it is filled,
// then to the daemon's owner goroutine, then to the take, which gives it back to the ring.
type Block struct {
	memory  []int16     // its place in the ring
	Samples []int16     // interleaved; a part of memory
	Arrived time.Time   // of the last sample; to be compared with edges and readings only
	Raw     monitor.Raw // the same moment on the clock that judges the card
	Opening uint64      // the opening of the microphone that it comes from
	Lost    int64       // frames dropped before it because the ring was full
	Overrun bool        // the card reports that it dropped samples before it

	Silence int64   // frames of silence to insert before it
	Decided bool    // the gap finder has finished with it
	Rate    float64 // the card's measured rate in frames a second; 0: unknown
}

// Ring is the memory for the blocks. It is locked, so no sample reaches swap.
type Ring struct {
	memory []byte
	free   chan *Block
	lost   atomic.Int64 // frames for which the audio thread found no block
}

// New allocates a ring for interleaved samples of a rate in frames a second.
func New(rate, channels int) (*Ring, error) {
	length := int(int64(rate)*int64(blockLength)/int64(time.Second)) * channels
	memory, err := locked.New(Blocks * length * 2)
	if err != nil {
		return nil, err
	}
	all := locked.Samples(memory)
	r := &Ring{memory: memory, free: make(chan *Block, Blocks)}
	for i := range Blocks {
		r.free <- &Block{memory: all[i*length : (i+1)*length : (i+1)*length]}
	}
	return r, nil
}

// take returns an empty block, or nil if none is free. It does not block.
func (r *Ring) take() *Block {
	select {
	case b := <-r.free:
		b.Samples = b.memory[:0]
		b.Silence, b.Decided, b.Rate = 0, false, 0
		b.Lost = r.lost.Swap(0)
		return b
	default:
		return nil
	}
}

// Give wipes a block and takes it back.
func (r *Ring) Give(b *Block) {
	clear(b.memory)
	r.free <- b
}

// Full reports whether samples are being dropped because every block is in use.
func (r *Ring) Full() bool { return r.lost.Load() > 0 }

// Close frees the memory. Nothing may use a block any more.
func (r *Ring) Close() error { return locked.Free(r.memory) }
