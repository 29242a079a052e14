package page

import (
	"strings"
	"sync"
	"time"
)

const (
	maxMessages = 100     // on the page
	maxPayload  = 8 << 10 // bytes of one that are shown
	maxTopic    = 512     // bytes of it that are shown
)

// Message is an MQTT message.
type Message struct {
	Time     time.Time `json:"time"`
	Topic    string    `json:"topic"`
	Payload  string    `json:"payload"` // as text; only its start if it is long
	Size     int       `json:"size"`    // of the payload, in bytes
	Retained bool      `json:"retained"`
}

// Traffic holds a broker's last messages. The zero Traffic is ready for use, and safe for
// concurrent use. A nil Traffic gets no messages.
type Traffic struct {
	mu      sync.Mutex    // guards all below
	passed  int           // messages so far
	last    []Message     // the last of them, oldest first
	changed chan struct{} // closed at the next message; nil while nobody waits
}

// Add adds a message.
func (t *Traffic) Add(topic string, payload []byte, retained bool) {
	m := Message{Time: time.Now(), Topic: prefix(topic, maxTopic), Payload: prefix(payload, maxPayload),
		Size:     len(payload),
		Retained: retained}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.last) == maxMessages {
		t.last = append(t.last[:0], t.last[1:]...)
	}
	t.last = append(t.last, m)
	t.passed++
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// prefix returns the start of what may be text. It replaces what is not text, or was cut in two.
func prefix[T string | []byte](of T, limit int) string {
	text := string(of[:min(len(of), limit)])
	return strings.ToValidUTF8(text, "\uFFFD")
}

// after returns the messages after the first n, if they are still known, and the number of all
// messages so far.
func (t *Traffic) after(n int) ([]Message, int) {
	if t == nil {
		return nil, 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fresh := min(t.passed-n, len(t.last))
	return append([]Message(nil), t.last[len(t.last)-fresh:]...), t.passed
}

// Changed returns a channel that is closed at the next message.
func (t *Traffic) Changed() <-chan struct{} {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.changed
}
