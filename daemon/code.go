package daemon

import (
	"errors"

	"tacet/daemon/health"
)

// coded is an error that names its warning.
type coded struct {
	code health.Code
	error
}

func (c coded) Code() health.Code { return c.code }
func (c coded) Unwrap() error     { return c.error }

func withCode(code health.Code, err error) error { return coded{code, err} }

// codeOf is the warning that an error stands for: the one that it names, or else. The hardware
// knows no warnings, and names them in plain text.
func codeOf(err error, otherwise health.Code) health.Code {
	var ours interface{ Code() health.Code }
	if errors.As(err, &ours) {
		return ours.Code()
	}
	var hardware interface{ Code() string }
	if errors.As(err, &hardware) {
		return health.Code(hardware.Code())
	}
	return otherwise
}
