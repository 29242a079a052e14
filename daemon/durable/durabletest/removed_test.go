package durabletest_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tacet/systemd/needs"
)

// judges are the tests that cut the power. It doesn't matter which of them notices a missing sync.
var judges = []struct{ pkg, run string }{
	{"tacet/daemon/durable", "Cut"},
	{"tacet/daemon/spool", "Cut|Recover|Kept|Remove|Kill|Create"},
	{"tacet/daemon/ledger", "Cut|Power|Fault|Fails"},
	{"tacet/daemon/store", "Resume|Release|Stick|Followed|Operation"},
	{"tacet/daemon", "PowerCut"},
}

// When any sync in the program is removed, some test must fail. Only with TACET_SOAK: it takes a
// quarter of an hour.
func TestEveryRemovedSyncIsCaught(t *testing.T) {
	needs.Soak(t)
	dir := t.TempDir()
	sites := filepath.Join(dir, "sites")
	for _, j := range judges {
		build := exec.Command("go", "test", "-c", "-o", binary(dir, j.pkg), j.pkg)
		build.Dir = filepath.Join("..", "..", "..")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", j.pkg, err, out)
		}
		if out, err := judge(dir, j.pkg, j.run, "TACET_SYNC_SITES="+sites); err != nil {
			t.Fatalf("%s with all syncs: %v\n%s", j.pkg, err, out)
		}
	}
	for _, site := range ours(t, sites) {
		t.Run(site, func(t *testing.T) {
			for _, j := range slices.Backward(judges) {
				if _, err := judge(dir, j.pkg, j.run, "TACET_DROP_SYNC="+site); err != nil {
					t.Logf("caught by %s", j.pkg)
					return
				}
			}
			t.Error("nobody notices that this sync is gone")
		})
	}
}

func binary(dir, pkg string) string {
	return filepath.Join(dir, strings.ReplaceAll(pkg, "/", "-")+".test")
}

// judge runs some tests of a package in its folder.
func judge(dir, pkg, run, env string) ([]byte, error) {
	cmd := exec.Command(binary(dir, pkg), "-test.run", run, "-test.failfast", "-test.timeout", "10m")
	cmd.Dir = filepath.Join("..", "..", "..", strings.TrimPrefix(pkg, "tacet/"))
	cmd.Env = append(os.Environ(), "TACET_SOAK=", "TACET_CUTS=1300", env)
	return cmd.CombinedOutput()
}

// ours returns the places in the program, without those in tests.
func ours(t *testing.T, file string) (sites []string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for site := range strings.Lines(string(data)) {
		if site = strings.TrimSpace(site); !strings.Contains(site, "_test.go") {
			sites = append(sites, site)
		}
	}
	slices.Sort(sites)
	sites = slices.Compact(sites)
	if len(sites) < 8 {
		t.Fatal(fmt.Sprint("only these places sync: ", sites))
	}
	return sites
}
