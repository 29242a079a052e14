package health

// Warner raises and clears warnings, from any goroutine.
type Warner interface {
	Warn(Code, error)
	Clear(Code)
}
