package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tacet/cmd/internal/cli"
)

const (
	serviceName = "tacetd"
	// stopLimit and startLimit are longer than systemd's own.
	stopLimit  = time.Minute
	startLimit = 2 * time.Minute
)

// stopService stops the service, unless it records, and returns what starts it again: nil, where it
// didn't run.
//
// Whatever becomes of this process, the service is started: a shell of its own session waits for
// the end of a pipe that only this process holds.
func stopService(status string) (start func() error, err error) {
	state, err := systemctl("is-active") // it fails where the answer is no
	switch state {
	case "inactive", "failed", "unknown":
		return nil, nil
	case "":
		return nil, fmt.Errorf("ask systemctl for the service: %w", err)
	}
	if err := idle(state, status); err != nil {
		return nil, err
	}
	hold, release, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer hold.Close()
	guard := exec.Command("sh", "-c", "read end; exec systemctl --no-ask-password start "+serviceName)
	guard.Stdin, guard.SysProcAttr = hold, &syscall.SysProcAttr{Setsid: true}
	var said bytes.Buffer
	guard.Stdout, guard.Stderr = &said, &said
	if err := guard.Start(); err != nil {
		release.Close()
		return nil, err
	}
	start = func() error {
		release.Close()
		ended := make(chan error, 1)
		go func() { ended <- guard.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				err = fmt.Errorf("it does not start again: %w: %s", err, strings.TrimSpace(said.String()))
			}
			return err
		case <-time.After(startLimit):
			return fmt.Errorf("it has not started again in %v; see \"systemctl status %s\"", startLimit, serviceName)
		}
	}
	if said, err := systemctl("stop"); err != nil {
		return nil, errors.Join(fmt.Errorf("stop the service: %w: %s", err, said), start())
	}
	return start, nil
}

// idle is nil where no consultation would be ended.
func idle(state, status string) error {
	r, err := readReport(status)
	switch {
	case err != nil && state != "activating":
		return fmt.Errorf("the service runs and doesn't say whether it records, so it is not stopped: %w", err)
	case err == nil && r.Phase == "recording":
		return cli.WithHint(errors.New("the unit records, and is not stopped for a test"),
			"\"tacetd status\" says when it is idle")
	}
	return nil
}

// systemctl has systemd do something to the service. An interrupt at the terminal is not for it.
func systemctl(verb string) (said string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "systemctl", "--no-ask-password", verb, serviceName)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// become gives up root's rights for those of the service's user: what root may do says nothing of
// the service.
func become(env *cli.Env, name string) error {
	u, err := user.Lookup(name)
	if errors.As(err, new(user.UnknownUserError)) {
		env.Warn("there is no user %s, so that what the service may do is not tried", name)
		return nil
	}
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		if u.Uid != strconv.Itoa(os.Geteuid()) {
			env.Warn("run as root, doctor tries with the rights of the service's user %s; now it tries with yours", name)
		}
		return nil
	}
	var groups []int
	ids, err := u.GroupIds()
	for _, id := range ids {
		n, e := strconv.Atoi(id)
		groups, err = append(groups, n), errors.Join(err, e)
	}
	uid, e := strconv.Atoi(u.Uid)
	gid, e2 := strconv.Atoi(u.Gid)
	if err := errors.Join(err, e, e2); err != nil || uid == 0 {
		return err
	}
	for _, err := range []error{syscall.Setgroups(groups), syscall.Setgid(gid), syscall.Setuid(uid)} {
		if err != nil {
			return fmt.Errorf("become %s: %w", name, err)
		}
	}
	return nil
}
