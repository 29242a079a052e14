package daemon

import "errors"

// coded is an error that names its warning.
type coded struct {
	code string
	error
}

func (c coded) Code() string  { return c.code }
func (c coded) Unwrap() error { return c.error }

func withCode(code string, err error) error { return coded{code, err} }

// codeOf is the warning that an error stands for: the one that it names, or else.
func codeOf(err error, otherwise string) string {
	var c interface{ Code() string }
	if errors.As(err, &c) {
		return c.Code()
	}
	return otherwise
}
