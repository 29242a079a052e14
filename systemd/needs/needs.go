// Package needs is for tests that need what a machine may lack: a program, root, a feature of the
// kernel.
//
// Each function skips the test if that is missing, with a reason whose first words name the kind;
// "make test" relies on them. With TACET_STRICT=1, which "make test" sets, a missing program fails
// the test instead, since .ci/install installs it. Tests that need root are run again as root. What
// the kernel lacks is listed at the end.
//
// No test skips in any other way: a rule of the linter checks that.
package needs

import (
	"os"
	"os/exec"
	"testing"
)

// The words that a skipped test's reason starts with.
const (
	ofRoot     = "needs root: "
	ofKernel   = "needs the kernel: "
	ofPrograms = "needs a program: "
	ofOccasion = "runs elsewhere: "
)

// strict reports whether everything that .ci/install installs must be present.
func strict() bool { return os.Getenv("TACET_STRICT") == "1" }

// Program returns the path of a program, which is in a package of Debian.
func Program(tb testing.TB, name, debian string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil { // some are only in the PATH of root
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		missing(tb, "%s, of Debian's package %s", name, debian)
	}
	return path
}

// Installed is for parts of a package whose absence shows only when they are used.
func Installed(tb testing.TB, what string, err error) {
	tb.Helper()
	if err != nil {
		missing(tb, "%s: %v", what, err)
	}
}

func missing(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if strict() {
		tb.Fatalf(ofPrograms+format, args...)
	}
	tb.Skipf(ofPrograms+format, args...)
}

// Root is for tests that need root.
func Root(tb testing.TB, what string) {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip(ofRoot, what)
	}
}

// Kernel is for a feature of the kernel; err is the result of trying it. If it fails for another
// user than root, root may be able to use it.
func Kernel(tb testing.TB, what string, err error) {
	tb.Helper()
	if err == nil {
		return
	}
	kind := ofKernel
	if os.Geteuid() != 0 {
		kind = ofRoot
	}
	tb.Skipf("%s%s: %v", kind, what, err)
}

// Soak is for tests that take too long for every day.
func Soak(tb testing.TB) {
	tb.Helper()
	if os.Getenv("TACET_SOAK") == "" {
		tb.Skip(ofOccasion + "in make soak")
	}
}

// Variable returns the value of a variable without which the test does not apply, such as one that
// only another test sets for its child.
func Variable(tb testing.TB, name, occasion string) string {
	tb.Helper()
	value := os.Getenv(name)
	if value == "" {
		tb.Skip(ofOccasion + occasion)
	}
	return value
}
