package journal

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

const (
	maxLines  = 1000
	maxBytes  = 256 << 10
	maxLine   = 8 << 10
	lineBytes = 100 // of a line beside its text, about
)

// line is one that waits to be written.
type line struct {
	to     slog.Handler
	ctx    context.Context
	record slog.Record
	bytes  int // in memory, about
	lines  int // how many it stands for
}

// queue is between those who log and the one who writes.
type queue struct {
	root slog.Handler

	mu      sync.Mutex // guards all below; nobody writes, or does anything that waits, under it
	lines   []line     // the first is being written
	bytes   int        // of all that wait
	lost    int        // lines that found no room since one last did
	writing bool       // write runs
	idle    []chan struct{}
	counts  map[string]*count // of each message in its minute
}

func newQueue(root slog.Handler) *queue { return &queue{root: root, counts: map[string]*count{}} }

// put queues a line, or counts it as lost. The caller holds the lock.
func (q *queue) put(l line) {
	room := maxLines - len(q.lines)
	if q.lost > 0 {
		room-- // for the line that says so
	}
	if room < 1 || l.bytes > maxLine || q.bytes+l.bytes > maxBytes {
		q.lost += l.lines
	} else {
		q.sayLost()
		q.lines = append(q.lines, l)
		q.bytes += l.bytes
	}
	if !q.writing {
		q.writing = true
		go q.write()
	}
}

// sayLost queues the line that says how many were lost, if any were. The caller holds the lock.
func (q *queue) sayLost() {
	if q.lost == 0 {
		return
	}
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were lost: there was no room for them", 0)
	r.Add("lines", q.lost)
	q.lines = append(q.lines, line{to: q.root, ctx: context.Background(), record: r, bytes: lineBytes, lines: q.lost})
	q.bytes, q.lost = q.bytes+lineBytes, 0
}

// write writes until there is nothing left. It alone waits for whoever takes the lines.
func (q *queue) write() {
	for {
		l, ok := q.first()
		if !ok {
			return
		}
		_ = l.to.Handle(l.ctx, l.record) // that it fails can be told nobody
		q.written()
	}
}

func (q *queue) first() (line, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines) == 0 {
		q.sayLost()
	}
	if len(q.lines) > 0 {
		return q.lines[0], true
	}
	q.writing = false
	for _, idle := range q.idle {
		close(idle)
	}
	q.idle = nil
	return line{}, false
}

func (q *queue) written() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= q.lines[0].bytes
	q.lines = slices.Delete(q.lines, 0, 1)
}

// finish says what was only counted, and returns what is closed when all is written; nil: it is.
func (q *queue) finish() chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.sayCounts()
	if !q.writing {
		return nil
	}
	idle := make(chan struct{})
	q.idle = append(q.idle, idle)
	return idle
}

// giveUp gives up on idle, and counts the lines that are not written.
func (q *queue) giveUp(idle chan struct{}) (unwritten int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.idle = slices.DeleteFunc(q.idle, func(c chan struct{}) bool { return c == idle })
	for _, l := range q.lines {
		unwritten += l.lines
	}
	return unwritten + q.lost
}
