package needs_test

import (
	"errors"
	"os"
	"testing"

	"tacet/systemd/needs"
)

// Each of these tests lacks something, so that the test of ".ci/tests" sees every reason for a
// skip. Elsewhere they are skipped.

const asked = "TACET_NEEDS_TEST"

func TestVariable(t *testing.T) { needs.Variable(t, "TACET_NOT_SET", "where that is set") }

func TestProgram(t *testing.T) {
	needs.Variable(t, asked, "as part of the test of .ci/tests")
	needs.Program(t, "no-such-program", "no-such-package")
}

func TestInstalled(t *testing.T) {
	needs.Variable(t, asked, "as part of the test of .ci/tests")
	needs.Installed(t, "libnothing", errors.New("it is not there"))
}

func TestKernel(t *testing.T) {
	needs.Variable(t, asked, "as part of the test of .ci/tests")
	needs.Kernel(t, "what it has", nil)
	needs.Kernel(t, "what it lacks", errors.New("not supported"))
}

func TestRoot(t *testing.T) {
	needs.Variable(t, asked, "as part of the test of .ci/tests")
	needs.Root(t, "what only root may")
	if os.Geteuid() != 0 {
		t.Error("not root, and not skipped")
	}
}

// What is present does not skip a test.
func TestLacksNothing(t *testing.T) {
	t.Setenv("TACET_STRICT", "1")
	if path := needs.Program(t, "sh", "dash"); path == "" {
		t.Error("sh lies nowhere")
	}
	needs.Installed(t, "libc", nil)
	needs.Kernel(t, "files", nil)
}
