package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Exit codes.
const (
	ExitFailed      = 1
	ExitUsage       = 2   // bad arguments
	ExitUnvouched   = 3   // whole, but the unit's key is not known
	ExitConfig      = 78  // the config file can't be used: systemd does not try again
	ExitInterrupted = 130 // as shells do
)

// Code returns the exit code for err.
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

// explain returns the messages and hints to print for err.
func explain(err error) (messages, hints []string) {
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

// each returns the messages of an error: one for each error that it joins.
func each(err error) []string {
	switch e := err.(type) {
	case *statusError:
		return each(e.err)
	case *hintError:
		return each(e.err)
	case interface{ Unwrap() []error }:
		var messages, joined []string
		for _, one := range e.Unwrap() {
			messages, joined = append(messages, each(one)...), append(joined, one.Error())
		}
		if err.Error() == strings.Join(joined, "\n") {
			return messages
		}
	}
	return []string{err.Error()}
}

// errHelp says that help was asked for, and was printed.
var errHelp = errors.New("help was asked for")

// statusError carries an exit code.
type statusError struct {
	code int
	err  error // nil if nothing is left to print
}

func (e *statusError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}

func (e *statusError) Unwrap() error { return e.err }

// Exit makes the program print err and exit with code. If err is nil, nothing is printed.
func Exit(code int, err error) error { return &statusError{code, err} }

// hintError adds to an error what to do about it.
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

// usageError says that the arguments are wrong.
type usageError struct {
	message string
	usage   string
}

func (e *usageError) Error() string { return e.message }
func (e *usageError) Hint() string  { return "usage: " + e.usage }

// Usage returns an error for wrong arguments. The command's usage is printed after it.
func (env *Env) Usage(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...), env.usage()}
}
