package durabletest

import (
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"
)

// Two environment variables are for the test that removes each sync of the program in turn, to see
// whether another test notices:
//
//	TACET_SYNC_SITES  a file that gets a line "folder/file.go:line" for each place that syncs
//	TACET_DROP_SYNC   such a place, whose syncs return nil and do nothing
var (
	dropped = os.Getenv("TACET_DROP_SYNC")
	sites   = os.Getenv("TACET_SYNC_SITES")
	seen    sync.Map
)

// drop reports whether to skip the current sync.
func drop() bool {
	if dropped == "" && sites == "" {
		return false
	}
	site := caller()
	if _, known := seen.LoadOrStore(site, true); !known && sites != "" {
		f, err := os.OpenFile(sites, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			panic(err) // a test's own file
		}
		fmt.Fprintln(f, site)
		f.Close()
	}
	return site == dropped
}

// caller returns the place in the program that called into this package.
func caller() string {
	pcs := make([]uintptr, 16)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if !strings.Contains(f.Function, "/durabletest.") || !more {
			return path.Base(path.Dir(f.File)) + "/" + path.Base(f.File) + fmt.Sprintf(":%d", f.Line)
		}
	}
}
