package mqtt

import (
	"errors"

	"tacet/daemon/health"
)

// WarnOf returns a function for Options.Report that keeps the warning of the present Trouble up, and
// another one while the broker limits the unit.
func WarnOf(w health.Warner) func(Report) {
	return func(r Report) {
		if !r.Connected && r.Trouble == nil {
			return // not tried yet
		}
		for _, code := range Codes() {
			if r.Connected || code != r.Trouble.Code {
				w.Clear(code)
			}
		}
		if !r.Connected {
			w.Warn(r.Trouble.Code, r.Trouble)
		}
		if r.Limits == "" {
			w.Clear(health.MQTTLimited)
		} else {
			w.Warn(health.MQTTLimited, errors.New(r.Limits))
		}
	}
}

// WithWarnings returns options that let the unit publish these warnings.
func (o Options) WithWarnings(declared []health.Warning) Options {
	for _, w := range declared {
		o.Codes = append(o.Codes, string(w.Code))
		if !w.Problem() {
			o.Notes = append(o.Notes, string(w.Code))
		}
	}
	return o
}
