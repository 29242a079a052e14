package health

import "errors"

// coded is an error that names its warning.
type coded struct {
	code Code
	error
}

func (c coded) Code() Code    { return c.code }
func (c coded) Unwrap() error { return c.error }

// WithCode returns err, marked with the warning to raise for it.
func WithCode(code Code, err error) error { return coded{code, err} }

// CodeOf returns the warning to raise for err: the code that err names, or otherwise. The hardware
// packages do not import this one, so their errors name a code as a string.
func CodeOf(err error, otherwise Code) Code {
	var ours interface{ Code() Code }
	if errors.As(err, &ours) {
		return ours.Code()
	}
	var hardware interface{ Code() string }
	if errors.As(err, &hardware) {
		return Code(hardware.Code())
	}
	return otherwise
}
