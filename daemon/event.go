package daemon

import (
	"io"
	"time"

	"tacet/daemon/health"
	"tacet/daemon/topic"
)

// An event is what the owner goroutine is told by the others.
type event any

type (
	edge struct {
		input  int
		active bool
		at     time.Time
		fresh  bool
	}

	watchEnded  struct{ err error }
	watchBegins struct{}

	micOpened struct {
		opening uint64
		handle  io.Closer
		err     error
	}
	micFailed struct {
		opening uint64
		err     error
	}
	micClosed struct {
		opening uint64
		err     error
	}

	told struct{ event topic.Event }

	ping   struct{ answered chan struct{} }
	retire struct{}

	tellerReady struct{ client voice }

	prepared struct {
		recorder *recorder
		err      error
	}
	// begun answers consent.Begin.
	begun struct {
		recorder *recorder
		err      error
	}
	// recorderFailed says why a recording can't go on; code is empty where the error itself names
	// its warning.
	recorderFailed struct {
		recorder *recorder
		code     health.Code
		err      error
	}
	// recorderEnded is a recorder's last word. err: the file has no end, and recovery has to give
	// it one.
	recorderEnded struct {
		recorder *recorder
		err      error
	}
)
