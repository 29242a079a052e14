package page

import (
	"strings"
	"sync"
	"time"
)

const (
	maxMessages = 100     // that the page shows
	maxPayload  = 8 << 10 // bytes shown of one
	maxTopic    = 512     // bytes, likewise
)

// Message is one MQTT message that passed.
type Message struct {
	Time     time.Time `json:"time"`
	Topic    string    `json:"topic"`
	Payload  string    `json:"payload"` // as text, its beginning where it is long
	Size     int       `json:"size"`    // of the payload, in bytes
	Retained bool      `json:"retained"`
}

// Traffic is the last of the messages that passed a broker. The zero Traffic is ready; it is safe
// for use by several goroutines. A nil one hears nothing.
type Traffic struct {
	mu      sync.Mutex    // guards all below
	passed  int           // messages so far
	last    []Message     // the last of them, oldest first
	changed chan struct{} // closed at the next message; nil while nobody waits
}

// Add takes a message that passes now.
func (t *Traffic) Add(topic string, payload []byte, retained bool) {
	m := Message{Time: time.Now(), Topic: begin(topic, maxTopic), Payload: begin(payload, maxPayload), Size: len(payload),
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

// begin is the beginning of what may be text; what isn't, or was cut in two, shows as a replacement
// character.
func begin[T string | []byte](of T, limit int) string {
	text := string(of[:min(len(of), limit)])
	return strings.ToValidUTF8(text, "\uFFFD")
}

// after returns the messages behind the first n, as far as they are still known, and how many have
// passed in all.
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
