package recording

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"tacet/daemon/memory"
)

// childName is the child's argv[0].
const childName = "tacet-recording-key"

// ChildMain makes this process the child of NewKey, if it was started as that, and then never
// returns. It must be the first thing that main does.
func ChildMain() {
	if len(os.Args) != 1 || os.Args[0] != childName {
		return
	}
	if err := hide(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answerRequest(os.Stdin)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// hide keeps this process's memory from debuggers, core dumps and swap, before there is anything in
// it.
func hide() error {
	_ = memory.Lock() // where it can't be had, the daemon that started us can't have it either, and says so
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("set undumpable: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	return nil
}

// askChild starts the child, gives it the request and returns its answer.
func askChild(ctx context.Context, request []byte) ([]byte, error) {
	// The kernel's death signal goes by the thread that started the child, not by the process: keep
	// the thread while the child runs.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	answer := &bounded{max: maxKeyMessage}
	complaint := &bounded{max: 4 << 10}
	child := exec.CommandContext(ctx, "/proc/self/exe")
	child.Args = []string{childName}
	child.Env = []string{} // not nil, which would be ours
	child.Dir = "/"
	child.Stdin = bytes.NewReader(request)
	child.Stdout = answer
	child.Stderr = complaint
	child.WaitDelay = time.Second
	child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err := child.Run()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		if line, _, _ := strings.Cut(complaint.String(), "\n"); line != "" {
			return nil, fmt.Errorf("the child that makes it: %w: %s", err, line)
		}
		return nil, fmt.Errorf("the child that makes it: %w", err)
	}
	return answer.Bytes(), nil
}

// bounded is a buffer that refuses more than max bytes.
type bounded struct {
	bytes.Buffer
	max int
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.max {
		return 0, errors.New("more output than there can be")
	}
	return b.Buffer.Write(p)
}
