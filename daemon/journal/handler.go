package journal

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

// Patience is how long the end of a process may wait for the log.
const Patience = time.Second

// Handler passes records on to another handler without waiting for it. The handlers of WithAttrs
// and WithGroup share its queue. It is safe for concurrent use.
type Handler struct {
	queue *queue
	next  slog.Handler // with the attributes and groups so far
	about string       // the subject in those attributes
}

// New returns a Handler for next. If next is a Handler already, New returns next.
func New(next slog.Handler) *Handler {
	if h, ok := next.(*Handler); ok {
		return h
	}
	return &Handler{queue: newQueue(next), next: next}
}

// Enabled asks the wrapped handler.
func (h *Handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle queues the record, or counts it if it repeats or the queue is full. It never waits and
// never fails: there is nowhere to report that a log can't be written.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	f := frozen{about: h.about}
	frozen := slog.NewRecord(r.Time, r.Level, f.text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		frozen.AddAttrs(f.attr(a))
		return true
	})
	h.queue.log(line{to: h.next, ctx: context.WithoutCancel(ctx), record: frozen, bytes: lineBytes + f.bytes, lines: 1},
		f.about)
	return nil
}

// WithAttrs resolves the attributes once for all lines.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	f := frozen{about: h.about}
	attrs = slices.Clone(attrs)
	for i := range attrs {
		attrs[i] = f.attr(attrs[i])
	}
	return &Handler{queue: h.queue, next: h.next.WithAttrs(attrs), about: f.about}
}

// WithGroup opens a group for the following attributes.
func (h *Handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &Handler{queue: h.queue, next: h.next.WithGroup(name), about: h.about}
}

// Flush waits until everything logged before, and a report of suppressed lines, is written. It
// waits no longer than limit; its error says how many lines are lost if the process ends.
func (h *Handler) Flush(limit time.Duration) error {
	q := h.queue
	idle := q.finish()
	if idle == nil {
		return nil
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-idle:
		return nil
	case <-timer.C:
		return fmt.Errorf("write the log: gave up on %d lines after %v: standard error is blocked", q.giveUp(idle), limit)
	}
}
