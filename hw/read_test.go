package hw_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
	"tacet/hw/hwtest"
)

// An order is one interleaving of three moves of two buttons, a Read and a stall.
type order struct {
	lines [3]int           // which button moves
	moves [3]time.Duration // when
	read  time.Duration    // when Read is called
	busy  time.Duration    // how long the caller takes for an edge
	call  int              // the first call of the panel at which the process stalls …
	still time.Duration    // … and for how long
}

// orders calls f with every order.
func orders(f func(order)) {
	const ms = time.Millisecond
	times := []time.Duration{0, ms, 4 * ms}
	for _, lines := range [][3]int{{0, 0, 0}, {0, 1, 0}, {0, 1, 1}} {
		for _, second := range times {
			for _, third := range times {
				for _, read := range times {
					for _, busy := range []time.Duration{0, 2 * ms} {
						for call := range 14 {
							for _, still := range []time.Duration{ms, 6 * ms, 300 * ms} {
								f(order{lines, [3]time.Duration{0, second, max(second, third)}, read, busy, call, still})
							}
						}
					}
				}
			}
		}
	}
}

// Every edge before the call of Read is delivered and handled before Read returns, wherever the
// process stalls, and the levels agree with the last edge.
func TestReadComesAfterEveryEarlierEdge(t *testing.T) {
	n := 0
	synctest.Test(t, func(t *testing.T) {
		orders(func(o order) {
			if n++; !t.Failed() && (!testing.Short() || n%10 == 0) {
				o.try(t)
			}
		})
	})
	t.Logf("%d orders", n)
}

func (o order) try(t *testing.T) {
	t.Helper()
	b := hwtest.NewBoard("GPIO5", "GPIO6", "GPIO27")
	var mu sync.Mutex // guards what follows
	var calls int
	var armed bool
	var edges, dealt []edge
	b.Stall = func() time.Duration {
		mu.Lock()
		defer mu.Unlock()
		if calls++; armed && calls == o.call {
			return o.still
		}
		return 0
	}
	wired := wiring()
	wired.Buttons = append(wired.Buttons, hw.Input{Line: "GPIO6", ActiveLow: true})
	p, err := hw.OpenOn(b, wired)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- p.Buttons().Watch(ctx, func(input int, active bool, at time.Time, fresh bool) {
			e := edge{input, active, at, fresh}
			mu.Lock()
			edges = append(edges, e)
			mu.Unlock()
			pass(o.busy)
			mu.Lock()
			dealt = append(dealt, e)
			mu.Unlock()
		})
	}()
	synctest.Wait()
	mu.Lock()
	calls, armed = 0, true
	mu.Unlock()

	var moved []edge
	var levels [2]bool
	start := time.Now()
	read := make(chan string, 1)
	time.AfterFunc(o.read, func() {
		called := time.Now()
		got, err := p.Buttons().Read()
		mu.Lock()
		defer mu.Unlock()
		problem := ""
		for _, m := range moved {
			if m.at.Before(called) && !slices.ContainsFunc(dealt, func(e edge) bool {
				return e.input == m.input && e.active == m.active && e.at.Equal(m.at)
			}) {
				problem = fmt.Sprintf("%v was not dealt with before Read returned", m)
			}
		}
		var known, moves [2]bool
		for _, e := range dealt {
			known[e.input] = e.active
		}
		for _, m := range moved {
			moves[m.input] = moves[m.input] || !m.at.Before(called)
		}
		for n := range known {
			if err != nil || got[n] != known[n] && !moves[n] {
				problem = fmt.Sprintf("Read says %v, %v", got, err)
			}
		}
		read <- problem
	})
	for i, at := range o.moves {
		pass(at - time.Since(start))
		n := o.lines[i]
		mu.Lock()
		levels[n] = !levels[n]
		moved = append(moved, edge{input: n, active: levels[n], at: time.Now()})
		b.Drive([]string{"GPIO5", "GPIO6"}[n], gpio.Level(!levels[n]))
		mu.Unlock()
	}
	if problem := <-read; problem != "" {
		mu.Lock()
		t.Errorf("%+v: %s\nmoved %v\nedges %v\ndealt %v", o, problem, moved, edges, dealt)
		mu.Unlock()
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
