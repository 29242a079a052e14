package mounts

import "sync"

// Watcher notifies subscribers when the mount table or the devices below /dev change.
type Watcher struct {
	mu          sync.Mutex // guards subscribers
	subscribers []chan struct{}
}

// Subscribe returns a channel that receives after a change. Several changes may cause one value,
// which waits until it is received. The channel is never closed.
func (w *Watcher) Subscribe() <-chan struct{} {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.subscribers = append(w.subscribers, c)
	return c
}

func (w *Watcher) notify() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.subscribers {
		select {
		case c <- struct{}{}:
		default: // a value is waiting
		}
	}
}
