package mounts

import "sync"

// Watcher tells its subscribers that the mount table, or the devices below /dev, changed.
type Watcher struct {
	mu          sync.Mutex // guards what follows
	subscribers []chan struct{}
}

// Subscribe returns a channel that receives after a change. Several changes may be one receipt, and
// none is forgotten: what was told before it was received waits. It is never closed.
func (w *Watcher) Subscribe() <-chan struct{} {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.subscribers = append(w.subscribers, c)
	return c
}

func (w *Watcher) tell() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.subscribers {
		select {
		case c <- struct{}{}:
		default: // it has one coming
		}
	}
}
