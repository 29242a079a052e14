package lamp

import (
	"context"
	"time"
)

// StatusLight is the second, optional light.
type StatusLight interface {
	Steady() error
	Pulse() error
	Flash() error
	Off() error
}

// StatusDriver drives the status light. Its methods do not block; they are called by one goroutine.
type StatusDriver struct {
	light StatusLight
	post  func(event any)
	next  chan string // the newest pattern that the light was not driven to

	asked   string    // the pattern last sent; empty after a failure
	askedAt time.Time // when
	shown   string    // the pattern last driven
	retryAt time.Time // after a failure, not before this
}

// StatusDriven reports that the status light was driven to a pattern, or why not.
type StatusDriven struct {
	Pattern string
	Err     error
}

// NewStatus returns a driver that posts its events to one function, which may block.
func NewStatus(light StatusLight, post func(event any)) *StatusDriver {
	return &StatusDriver{light: light, post: post, next: make(chan string, 1)}
}

// Run drives the light until ctx ends.
func (d *StatusDriver) Run(ctx context.Context) {
	for {
		select {
		case pattern := <-d.next:
			d.post(StatusDriven{pattern, d.drive(pattern)})
		case <-ctx.Done():
			return
		}
	}
}

func (d *StatusDriver) drive(pattern string) error {
	switch pattern {
	case "flash":
		return d.light.Flash()
	case "pulse":
		return d.light.Pulse()
	}
	return d.light.Steady()
}

// Show asks for steady, pulse or flash, and returns for how long the light has not obeyed.
func (d *StatusDriver) Show(pattern string, now time.Time) (late time.Duration) {
	switch {
	case now.Before(d.retryAt):
	case pattern != d.asked:
		select { // replaces a pattern that was not taken yet
		case <-d.next:
		default:
		}
		d.asked, d.askedAt = pattern, now
		d.next <- pattern
	case pattern != d.shown:
		return now.Sub(d.askedAt)
	}
	return 0
}

// Driven takes note of what was driven. After a failure the light is left alone for a while.
func (d *StatusDriver) Driven(e StatusDriven, retryAt time.Time) {
	if e.Err != nil {
		d.asked, d.retryAt = "", retryAt
		return
	}
	d.shown = e.Pattern
}

// Shown returns the pattern that the light was last driven to; empty: none yet.
func (d *StatusDriver) Shown() string {
	if d == nil {
		return ""
	}
	return d.shown
}
