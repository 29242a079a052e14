// Package needs is for tests that need what a machine may not have: a program, root's rights,
// something of the kernel.
//
// Each of its functions skips the test where that is missing, with words of which the first say
// what kind it is; "make test" goes by them. A program is no reason: .ci/install brings it, so with
// TACET_STRICT=1, which "make test" sets, its lack fails the test. What needs root is tried once
// more as root. What the kernel lacks can't be brought, and is listed at the end.
//
// No test skips in any other way: a linter's rule looks for that.
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

// strict: what .ci/install brings is there.
func strict() bool { return os.Getenv("TACET_STRICT") == "1" }

// Program is the path of a program, which is in one of Debian's packages.
func Program(tb testing.TB, name, debian string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil { // some are where only root looks
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		missing(tb, "%s, of Debian's package %s", name, debian)
	}
	return path
}

// Installed is for what comes with a program, and is found missing only when that is used.
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

// Root is for what only root can do.
func Root(tb testing.TB, what string) {
	tb.Helper()
	if os.Geteuid() != 0 {
		tb.Skip(ofRoot, what)
	}
}

// Kernel is for what was tried in vain: err is nil where it wasn't in vain. Root may be able to do
// it; where root can't, the kernel can't.
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

// Soak is for what takes too long for every day.
func Soak(tb testing.TB) {
	tb.Helper()
	if os.Getenv("TACET_SOAK") == "" {
		tb.Skip(ofOccasion + "in make soak")
	}
}

// Variable is the value of a variable without which the test is for another occasion: it is a
// process that another test starts, say.
func Variable(tb testing.TB, name, occasion string) string {
	tb.Helper()
	value := os.Getenv(name)
	if value == "" {
		tb.Skip(ofOccasion + occasion)
	}
	return value
}
