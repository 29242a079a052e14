package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// What programs exit with.
const (
	ExitFailed      = 1
	ExitUsage       = 2   // the arguments make no sense
	ExitUnvouched   = 3   // whole, but nobody vouches for the key
	ExitConfig      = 78  // the config file can't be used: systemd need not try again
	ExitInterrupted = 130 // as a shell has it
)

// Code is what a program exits with after err.
func Code(err error) int {
	var status *statusError
	var usage *usageError
	switch {
	case err == nil, errors.Is(err, errHelp):
		return 0
	case errors.As(err, &status):
		return status.code
	case errors.As(err, &usage):
		return ExitUsage
	case errors.Is(err, context.Canceled):
		return ExitInterrupted
	default:
		return ExitFailed
	}
}

// explain is what a person is told of err, and what to do about it; nothing if all has been said.
func explain(err error) (said, hints []string) {
	var status *statusError
	if err == nil || errors.Is(err, errHelp) || errors.As(err, &status) && status.err == nil {
		return nil, nil
	}
	if errors.Is(err, context.Canceled) {
		return []string{"interrupted"}, nil
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if h, ok := e.(interface{ Hint() string }); ok {
			hints = append(hints, h.Hint())
		}
	}
	return each(err), hints
}

// each is what an error says: a line for each of those that it joins.
func each(err error) []string {
	switch e := err.(type) {
	case *statusError:
		return each(e.err)
	case *hintError:
		return each(e.err)
	case interface{ Unwrap() []error }:
		var said, joined []string
		for _, one := range e.Unwrap() {
			said, joined = append(said, each(one)...), append(joined, one.Error())
		}
		if err.Error() == strings.Join(joined, "\n") {
			return said
		}
	}
	return []string{err.Error()}
}

// errHelp says that help was asked for, and given.
var errHelp = errors.New("help was asked for")

// statusError carries what to exit with.
type statusError struct {
	code int
	err  error // nil: all has been said
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// Exit makes the program exit with code, after saying err; with a nil err all has been said
// already.
func Exit(code int, err error) error { return &statusError{code, err} }

// hintError adds what to do about an error.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }
func (e *hintError) Hint() string  { return e.hint }

// WithHint adds to err what to do about it.
func WithHint(err error, format string, args ...any) error {
	return &hintError{err, fmt.Sprintf(format, args...)}
}

// usageError says that the arguments make no sense.
type usageError struct {
	message string
	usage   string
}

func (e *usageError) Error() string { return e.message }
func (e *usageError) Hint() string  { return "usage: " + e.usage }

// Usage is the error for arguments that make no sense. The command's usage is said after it.
func (env *Env) Usage(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...), env.usage()}
}
