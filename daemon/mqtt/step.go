package mqtt

import (
	"errors"
	"fmt"
	"io"
	"syscall"
)

// kind is the purpose of a message or request. A broker may forbid one kind and allow the others.
type kind string

const (
	connecting   kind = "connect"
	birth        kind = "birth" // the subscription to Home Assistant's birth message
	discovery    kind = "discovery"
	availability kind = "availability"
	state        kind = "state"
	alert        kind = "alert"
	event        kind = "event"
	ledger       kind = "ledger"
	heartbeat    kind = "heartbeat"
)

// optional reports whether the unit can do without the kind. Without connection, state and
// availability nobody would see it.
func (k kind) optional() bool { return k != connecting && k != availability && k != state }

// step is one thing that the unit asks of a broker.
type step struct {
	kind     kind
	topic    string
	qos      byte
	retained bool
	size     int // of the payload, in bytes
}

// describe completes "the unit …".
func (s step) describe() string {
	switch s.kind {
	case connecting:
		return "connects with its last will on " + s.topic
	case birth:
		return "subscribes to " + s.topic
	}
	how := fmt.Sprintf("QoS %d", s.qos)
	if s.retained {
		how += ", retained"
	}
	return fmt.Sprintf("publishes on %s (%s)", s.topic, how)
}

// stepError is an error with the step that was in progress.
type stepError struct {
	step step
	err  error
}

func (e *stepError) Error() string { return e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// stepOf returns the step that the broker may have hung up on, or left without an answer. ok is
// false for any other error.
func stepOf(err error) (s step, ok bool) {
	var e *stepError
	if !errors.As(err, &e) || !isHangUp(err) && !errors.Is(err, errTimeout) {
		return step{}, false
	}
	return e.step, e.step.kind != ""
}

// isHangUp reports whether the other side ended the connection without giving a reason.
func isHangUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
