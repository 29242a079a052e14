package daemon

import (
	"log/slog"
	"sync/atomic"

	"tacet/daemon/health"
)

// warnings are the unit's. Any goroutine may use them, but for active, which is the owner's.
type warnings struct {
	*health.Tracker
	log     *slog.Logger
	changes atomic.Uint64

	list []health.Active
	asOf uint64 // the changes that list includes
}

// newWarnings calls changed, which must not block, when what is up may have changed.
func newWarnings(log *slog.Logger, changed func()) *warnings {
	w := &warnings{Tracker: health.NewTracker(), log: log}
	w.OnChange(func() { w.changes.Add(1); changed() })
	return w
}

// Warn raises a warning, and logs it if it is new.
func (w *warnings) Warn(code health.Code, err error) {
	if w.Set(code, err.Error()) {
		w.log.Warn("warning", "code", code, "detail", err)
	}
}

// While raises a warning while err stands, and clears it when err is nil.
func (w *warnings) While(code health.Code, err error) {
	if err != nil {
		w.Warn(code, err)
	} else {
		w.Clear(code)
	}
}

// clearBut clears all of some warnings but one.
func (w *warnings) clearBut(keep health.Code, codes []health.Code) {
	for _, code := range codes {
		if code != keep {
			w.Clear(code)
		}
	}
}

// active returns the warnings that are up, the worst first.
func (w *warnings) active() []health.Active {
	if n := w.changes.Load(); n != w.asOf {
		w.asOf, w.list = n, w.Up()
	}
	return w.list
}
