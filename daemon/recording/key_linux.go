package recording

import (
	"bytes"
	"context"
	"encoding/json"
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

// ChildMain does the work of NewKey's child and exits, if this process was started as one. It must
// be the first thing that main does.
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

// hide protects this process's memory from debuggers, core dumps and swap. It runs before there is
// anything secret in it.
func hide() error {
	_ = memory.Lock() // if this fails it also failed in the daemon, which reports it
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("set undumpable: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	return nil
}

// askChild starts the child, sends it the request and returns its answer.
func askChild(ctx context.Context, request []byte) ([]byte, error) {
	// The kernel sends the death signal when the thread that started the child exits, not the
	// process: keep the thread while the child runs.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	answer := &limitedBuffer{max: maxKeyMessage}
	complaint := &limitedBuffer{max: 4 << 10}
	child := exec.CommandContext(ctx, "/proc/self/exe")
	child.Args = []string{childName}
	child.Env = []string{} // nil would be this process's own
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
			return nil, fmt.Errorf("child process: %w: %s", err, line)
		}
		return nil, fmt.Errorf("child process: %w", err)
	}
	return answer.Bytes(), nil
}

// limitedBuffer is a buffer that refuses more than max bytes.
type limitedBuffer struct {
	bytes.Buffer
	max int
}

func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.max {
		return 0, fmt.Errorf("more than %d bytes of output", b.max)
	}
	return b.Buffer.Write(p)
}
