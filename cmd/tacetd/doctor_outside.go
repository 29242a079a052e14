package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"tacet/cmd/internal/diagnosis"
)

// toInner is a message from the doctor outside the sandbox to the one inside.
type toInner struct {
	// The first message has these four.
	Stopped bool                // the service was stopped for the test
	Report  *report             // what the daemon reported, before it was stopped; nil if nothing
	Host    []diagnosis.Finding // what the kernel tells of the machine: the sandbox hides some of it
	Help    *help               // what was collected for the file for help; nil unless that is asked for

	Interrupt bool   // the test is to end
	Started   bool   // the answer to a request to start the service
	Problem   string // why it was not started; "" if it was
}

// maxToInner limits what is read from outside.
const maxToInner = 4 << 20

// outside is the doctor outside the sandbox, as the one inside sees it. It is nil if there is none:
// then this process does everything itself.
type outside struct {
	conn    net.Conn
	first   toInner
	started chan string
}

// connectOutside connects to the doctor outside, if there is one. The context ends when that one is
// interrupted, or is gone.
func connectOutside(ctx context.Context) (*outside, context.Context, error) {
	path := os.Getenv(socketVariable)
	if path == "" {
		return nil, ctx, nil
	}
	conn, err := net.DialTimeout("unix", path, diskTimeout)
	if err != nil {
		return nil, ctx, fmt.Errorf("reach doctor outside of the sandbox: %w", err)
	}
	o := &outside{conn: conn, started: make(chan string, 1)}
	in := json.NewDecoder(io.LimitReader(conn, maxToInner))
	if err := in.Decode(&o.first); err != nil {
		conn.Close()
		return nil, ctx, fmt.Errorf("hear from doctor outside of the sandbox: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer cancel()
		for {
			var message toInner
			if err := in.Decode(&message); err != nil {
				return
			}
			if message.Interrupt {
				cancel()
			}
			if message.Started {
				select {
				case o.started <- message.Problem:
				default: // nobody asked
				}
			}
		}
	}()
	return o, ctx, nil
}

// stopService returns what the daemon reported, and stops the service unless it is recording, or,
// inside the sandbox, takes over that this was done outside.
func (o *outside) stopService(statusPath string) (last *report, restart func() error, err error) {
	if o == nil {
		last, _ = readReport(statusPath) // before the service stops, and removes it
		restart, err = stopService(statusPath)
		return last, restart, err
	}
	if o.first.Stopped {
		restart = o.start
	}
	return o.first.Report, restart, nil
}

// running returns what the running daemon reports, as seen from outside: the sandbox hides that
// process. It returns nil if none runs, or if there is nobody outside.
func (o *outside) running() *report {
	if o == nil || o.first.Stopped {
		return nil
	}
	return o.first.Report
}

// host returns what the kernel told outside; nil if there is nobody outside.
func (o *outside) host() []diagnosis.Finding {
	if o == nil {
		return nil
	}
	return o.first.Host
}

// help returns what was collected outside for the file for help.
func (o *outside) help() *help {
	if o == nil {
		return nil
	}
	return o.first.Help
}

// start has the service started again.
func (o *outside) start() error {
	if _, err := o.conn.Write([]byte{'\n'}); err != nil {
		return fmt.Errorf("ask for it to be started again: %w", err)
	}
	select {
	case problem := <-o.started:
		if problem != "" {
			return errors.New(problem)
		}
		return nil
	case <-time.After(startTimeout + graceTime):
		return fmt.Errorf("it has not started again in %v; see \"systemctl status %s\"", startTimeout, serviceName)
	}
}
