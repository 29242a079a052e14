package audio

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gen2brain/malgo"
)

// A Fault is something wrong with a microphone.
type Fault struct{ code, text string }

func (f *Fault) Error() string { return f.text }

// Code is the code of the warning for the fault.
func (f *Fault) Code() string { return f.code }

// MayBeOpen reports whether the card may still be open without our control, so that the process has
// to end.
func (f *Fault) MayBeOpen() bool { return f == ErrStuck }

var (
	ErrMissing = &Fault{"mic-missing", "there is no such sound card or PCM"}
	ErrBusy    = &Fault{"mic-busy", "another program uses it"}
	ErrDenied  = &Fault{"mic-fault", "not allowed: the user must be in the group audio"}
	ErrRate    = &Fault{"mic-rate", "the card can't do what the configuration asks for"}
	ErrLibrary = &Fault{"mic-fault",
		"libasound.so.2 can't be loaded: install the package libasound2 (libasound2t64 since Debian 13)"}
	ErrUnplugged = &Fault{"mic-fault", "the sound card is gone"}
	ErrStopped   = &Fault{"mic-fault", "the sound card stopped by itself"}
	ErrStuck     = &Fault{"mic-fault", "the sound library hangs: this process has to end"}
)

// explain finds the fault for an error of the sound library.
func (m *Mic) explain(err error) error {
	var known *Fault
	switch {
	case errors.Is(err, malgo.ErrDoesNotExist), errors.Is(err, malgo.ErrConnectionRefused),
		errors.Is(err, malgo.ErrInvalidArgs) && strings.Contains(m.lastError(), "snd_pcm_open"): // the name is invalid
		known = ErrMissing
	case errors.Is(err, malgo.ErrBusy):
		known = ErrBusy
	case errors.Is(err, malgo.ErrAccessDenied), errors.Is(err, malgo.ErrInvalidOperation):
		known = ErrDenied
	case errors.Is(err, malgo.ErrInvalidArgs), errors.Is(err, malgo.ErrFormatNotSupported):
		known = ErrRate
	default:
		return fmt.Errorf("%w%s", err, m.lastError())
	}
	return fmt.Errorf("%w%s", known, m.lastError())
}
