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
	lineBytes = 100 // the approximate size of a line without its text
)

// line is a line that waits to be written.
type line struct {
	to     slog.Handler
	ctx    context.Context
	record slog.Record
	bytes  int // its approximate size in memory
	lines  int // the number of lines that it represents
}

// queue connects the loggers with the writer.
type queue struct {
	root slog.Handler

	mu      sync.Mutex // guards the fields below; never held while writing or waiting
	lines   []line     // the first is being written
	bytes   int        // of all lines
	lost    int        // lines dropped since the last one was queued
	writing bool       // write runs
	idle    []chan struct{}
	counts  map[string]*count // of each message in its minute
}

func newQueue(root slog.Handler) *queue { return &queue{root: root, counts: map[string]*count{}} }

// put queues a line, or counts it as lost. The caller holds the lock.
func (q *queue) put(l line) {
	room := maxLines - len(q.lines)
	if q.lost > 0 {
		room-- // for the line about lost ones
	}
	if room < 1 || l.bytes > maxLine || q.bytes+l.bytes > maxBytes {
		q.lost += l.lines
	} else {
		q.reportLost()
		q.lines = append(q.lines, l)
		q.bytes += l.bytes
	}
	if !q.writing {
		q.writing = true
		go q.write()
	}
}

// reportLost queues a line about lost ones, if there are any. The caller holds the lock.
func (q *queue) reportLost() {
	if q.lost == 0 {
		return
	}
	r := slog.NewRecord(time.Now(), slog.LevelWarn, "log lines were lost: there was no room for them", 0)
	r.Add("lines", q.lost)
	q.lines = append(q.lines, line{to: q.root, ctx: context.Background(), record: r, bytes: lineBytes, lines: q.lost})
	q.bytes, q.lost = q.bytes+lineBytes, 0
}

// write writes until the queue is empty. Only write waits for the wrapped handler.
func (q *queue) write() {
	for {
		l, ok := q.first()
		if !ok {
			return
		}
		_ = l.to.Handle(l.ctx, l.record) // there is nowhere to report an error
		q.written()
	}
}

func (q *queue) first() (line, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines) == 0 {
		q.reportLost()
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

// finish reports suppressed lines. It returns a channel that is closed when everything is written,
// or nil if it is.
func (q *queue) finish() chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.endCounts()
	if !q.writing {
		return nil
	}
	idle := make(chan struct{})
	q.idle = append(q.idle, idle)
	return idle
}

// giveUp stops waiting for idle and counts the unwritten lines.
func (q *queue) giveUp(idle chan struct{}) (unwritten int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.idle = slices.DeleteFunc(q.idle, func(c chan struct{}) bool { return c == idle })
	for _, l := range q.lines {
		unwritten += l.lines
	}
	return unwritten + q.lost
}
