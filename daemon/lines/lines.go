// Package lines reads the unit's buttons and its door contact, on goroutines of its own, because a
// line may hang.
//
// Every edge from before a reading is posted before that reading. So a block of sound that waits
// for a reading can't be judged without an edge that is older.
package lines

import (
	"context"
	"fmt"
	"time"
)

// watchRetry is the pause before a watch that failed is started again.
const watchRetry = time.Second

// Inputs are the consent buttons in the configuration's order and, after them, the door contact if
// there is one.
type Inputs interface {
	// Watch calls edge for every change of a line until ctx ends. Input counts the buttons from 0;
	// the door, if any, comes after the last button. At is when the line changed. Fresh is false in
	// case of doubt: edges were lost before this one, it has the same direction as the last one, it
	// was noticed late, or it was made up because the level had changed without one.
	//
	// Watch returns nil after ctx has ended, and an error when it can't go on.
	Watch(ctx context.Context, edge func(input int, active bool, at time.Time, fresh bool)) error
	// Read reads every line: true is pressed, or open for the door. When it returns, every edge
	// from before the call has been passed to Watch's function. It may hang.
	//
	// An error of Watch or Read may have a method Input() int that says which input it is about.
	Read() ([]bool, error)
}

// The events that a Reader posts.
type (
	// Edge is a change of a line; see Inputs.Watch.
	Edge struct {
		Input  int
		Active bool
		At     time.Time
		Fresh  bool
	}
	// Reading is the level of every line. At was taken before they were read. First is set on the
	// one reading that nobody asked for.
	Reading struct {
		At     time.Time
		Levels []bool
		Err    error
		First  bool
	}
	// WatchFailed reports that edges are not seen; the watch is started again.
	WatchFailed struct{ Err error }
	// Watching reports that edges are seen.
	Watching struct{}
)

// Reader reads and watches the lines.
type Reader struct {
	inputs Inputs
	count  int
	post   func(event any)
	ask    chan struct{} // room for one
}

// NewReader returns a reader for a number of inputs. It posts its events to one function, which may
// block.
func NewReader(inputs Inputs, count int, post func(event any)) *Reader {
	return &Reader{inputs: inputs, count: count, post: post, ask: make(chan struct{}, 1)}
}

// Ask asks for a reading. It does not block.
func (r *Reader) Ask() {
	select {
	case r.ask <- struct{}{}:
	default:
	}
}

// Run reads the lines once, then watches them, and reads them when asked, until ctx ends.
func (r *Reader) Run(ctx context.Context) {
	first := r.read()
	first.First = true
	r.post(first)
	go r.watch(ctx)
	for {
		select {
		case <-r.ask:
			r.post(r.read())
		case <-ctx.Done():
			return
		}
	}
}

func (r *Reader) read() Reading {
	at := time.Now()
	levels, err := r.inputs.Read()
	if err == nil && len(levels) != r.count {
		err = fmt.Errorf("%d lines read, not %d", len(levels), r.count)
	}
	return Reading{At: at, Levels: levels, Err: err}
}

// watch posts edges until ctx ends. It starts a watch that failed again.
func (r *Reader) watch(ctx context.Context) {
	watching := func() { r.post(Watching{}) }
	for {
		works := time.AfterFunc(watchRetry, watching) // unless it has failed by then
		err := r.inputs.Watch(ctx, func(input int, active bool, at time.Time, fresh bool) {
			r.post(Edge{input, active, at, fresh})
		})
		works.Stop()
		if ctx.Err() != nil {
			return
		}
		r.post(WatchFailed{fmt.Errorf("watch the buttons: %w", err)})
		select {
		case <-time.After(watchRetry):
		case <-ctx.Done():
			return
		}
	}
}
