package feed

import "sync"

const (
	// messageCost is about what a message takes besides topic and payload, in bytes.
	messageCost = 500
	// maxHeld is how many messages of a broker may wait to be stored, and maxHeldBytes what they may
	// take. A broker may have 65,535 unacknowledged, of any size.
	maxHeld      = 20_000
	maxHeldBytes = 32 << 20
)

// budget bounds the messages that are held.
type budget struct {
	mu    sync.Mutex
	count int           // guarded by mu
	bytes int           // guarded by mu
	freed chan struct{} // guarded by mu; closed at the next release
}

func newBudget() *budget { return &budget{freed: make(chan struct{})} }

// take holds a message of a size. If there is no room it waits for it, or drops the message. It
// reports whether the message is held.
func (b *budget) take(size int, wait bool, dead <-chan struct{}) bool {
	for {
		b.mu.Lock()
		if b.count < maxHeld && b.bytes+size <= maxHeldBytes {
			b.count, b.bytes = b.count+1, b.bytes+size
			b.mu.Unlock()
			return true
		}
		freed := b.freed
		b.mu.Unlock()
		if !wait {
			return false
		}
		select {
		case <-freed:
		case <-dead:
			return false
		}
	}
}

func (b *budget) release(size int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count, b.bytes = b.count-1, b.bytes-size
	close(b.freed)
	b.freed = make(chan struct{})
}

// empty reports whether nothing is held.
func (b *budget) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count == 0
}
