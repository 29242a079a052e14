//go:build unix

package store

import (
	"bytes"
	"context"
	"testing"
	"time"

	"tacet/daemon/durable"
)

// A store that goes wrong, in whatever way, delays no copy to another.
func TestOneStoreHarmsNoOther(t *testing.T) {
	for name, hostile := range map[string]func(w *world, copied string) Kind{
		"a file without an end at a copy's name": func(w *world, copied string) Kind {
			return &endless{stick: w.sticks[1], name: copied, rest: 'x', says: 1 << 62}
		},
		"never opens":  func(*world, string) Kind { return neverOpens{} },
		"always fails": func(*world, string) Kind { return alwaysFails{} },
	} {
		t.Run(name, func(t *testing.T) {
			in(t, 2, func(w *world) {
				first, second := w.record(0, 5000, 5000), w.record(1, 5000)
				w.more = []Kind{hostile(w, first)}
				good := w.sticks[0]
				w.sticks = w.sticks[:1]
				w.start()
				defer w.end()
				for _, copied := range []string{first, second} {
					w.within(time.Minute, "copy to the good store", func() bool { return w.log.has(id(copied), "store-0") })
					got, err := durable.ReadFile(good.disk, copied, 1<<20)
					if err != nil || !bytes.Equal(got, w.wrote[copied]) {
						t.Errorf("the good store has %d bytes of %s, %v", len(got), copied, err)
					}
				}
			})
		})
	}
}

// neverOpens hangs until it is given up.
type neverOpens struct{}

func (neverOpens) Open(ctx context.Context) (Medium, error) { <-ctx.Done(); return nil, ctx.Err() }
func (neverOpens) Changed() <-chan struct{}                 { return nil }

// alwaysFails fails at once, each time.
type alwaysFails struct{}

func (alwaysFails) Open(context.Context) (Medium, error) { return nil, context.DeadlineExceeded }
func (alwaysFails) Changed() <-chan struct{}             { return nil }
