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
	// stopTimeout and startTimeout are longer than systemd's own.
	stopTimeout  = time.Minute
	startTimeout = 2 * time.Minute
)

// stopService stops the service unless it is recording. It returns the function that starts the
// service again, or nil if the service was not running.
//
// The service is started again even if this process is killed: a shell in a session of its own
// waits for the end of a pipe that only this process holds open.
func stopService(statusPath string) (restart func() error, err error) {
	state, err := systemctl("is-active") // fails unless it is active
	switch state {
	case "inactive", "failed", "unknown":
		return nil, nil
	case "":
		return nil, fmt.Errorf("ask systemctl for the service: %w", err)
	}
	if err := mayStop(state, statusPath); err != nil {
		return nil, err
	}
	hold, release, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer hold.Close()
	guard := exec.Command("sh", "-c", "read end; exec systemctl --no-ask-password start "+serviceName)
	guard.Stdin, guard.SysProcAttr = hold, &syscall.SysProcAttr{Setsid: true}
	var output bytes.Buffer
	guard.Stdout, guard.Stderr = &output, &output
	if err := guard.Start(); err != nil {
		release.Close()
		return nil, err
	}
	restart = func() error {
		release.Close()
		ended := make(chan error, 1)
		go func() { ended <- guard.Wait() }()
		select {
		case err := <-ended:
			if err != nil {
				err = fmt.Errorf("it does not start again: %w: %s", err, strings.TrimSpace(output.String()))
			}
			return err
		case <-time.After(startTimeout):
			return fmt.Errorf("it has not started again in %v; see \"systemctl status %s\"", startTimeout, serviceName)
		}
	}
	if output, err := systemctl("stop"); err != nil {
		return nil, errors.Join(fmt.Errorf("stop the service: %w: %s", err, output), restart())
	}
	return restart, nil
}

// mayStop returns an error if stopping the service could end a consultation.
func mayStop(state, statusPath string) error {
	r, err := readReport(statusPath)
	switch {
	case err != nil && state != "activating":
		return fmt.Errorf("not stopped: the service is running, and doesn't say whether it is recording: %w", err)
	case err == nil && r.Phase == "recording":
		return cli.WithHint(errors.New("not stopped: the unit is recording"),
			"\"tacetd status\" shows when it is idle")
	}
	return nil
}

// systemctl runs one command on the service. In a session of its own, it is not interrupted from
// the terminal.
func systemctl(verb string) (output string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "systemctl", "--no-ask-password", verb, serviceName)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// dropPrivileges gives up root's rights for those of the service's user: that root may do something
// does not mean that the service may.
func dropPrivileges(env *cli.Env, name string) error {
	u, err := user.Lookup(name)
	if errors.As(err, new(user.UnknownUserError)) {
		env.Warn("there is no user %s, so doctor can't try what the service may do", name)
		return nil
	}
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		if u.Uid != strconv.Itoa(os.Geteuid()) {
			env.Warn("doctor tries with your rights; run it as root to try with those of the service's user %s", name)
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
