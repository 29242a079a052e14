// Package bench_test measures what the programs cost. Speed is measured against stock tools in the
// same run, because a figure from one machine means little on another.
//
//	make bench
//	BENCH_SECONDS=20 make bench    a quick, rough run
//
// The benchmarks measure real time, and are no part of the tests: the speed of a busy machine says
// nothing about the programs.
package bench_test

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tacet/cmd/tacet-demo/demotest"
)

func TestMain(m *testing.M) { demotest.MainThen(m, printTable) }

// rounds is how often a live measurement is repeated; the median counts.
const rounds = 3

// duration is the length of each live measurement.
func duration(b *testing.B) time.Duration {
	n, err := strconv.Atoi(os.Getenv("BENCH_SECONDS"))
	switch {
	case os.Getenv("BENCH_SECONDS") == "":
		n = 120
	case err != nil || n < 5 || n > 3000:
		b.Fatal("BENCH_SECONDS must be 5 to 3000")
	}
	return time.Duration(n) * time.Second
}

// A row is one line of the table.
type row struct {
	what, value, target, met string
}

var table []row

// measured adds a value to the table. A target of 0 means none.
func measured(what string, value, target float64, unit string) {
	r := row{what: what, value: strings.TrimSpace(fmt.Sprintf("%.3g %s", value, unit)), target: "", met: ""}
	if target > 0 {
		r.target, r.met = strings.TrimSpace(fmt.Sprintf("≤ %.3g %s", target, unit)), "yes"
		if value > target {
			r.met = "**no**"
		}
	}
	table = append(table, r)
}

// atLeast adds a value that should not be less than a target.
func atLeast(what string, value, target float64, unit string) {
	measured(what, value, 0, unit)
	r := &table[len(table)-1]
	r.target, r.met = fmt.Sprintf("≥ %.3g", target), "yes"
	if value < target {
		r.met = "**no**"
	}
}

func printTable() {
	if len(table) == 0 {
		return
	}
	fmt.Printf("\n%s\n\n| | measured | target | met |\n|---|--:|--:|---|\n", machine())
	for _, r := range table {
		fmt.Printf("| %s | %s | %s | %s |\n", r.what, r.value, r.target, r.met)
	}
	fmt.Println()
}

// machine describes this machine, and how busy it was.
func machine() string {
	model := runtime.GOARCH
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			model = strings.TrimLeft(strings.TrimSpace(name), ": \t")
			break
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	load, _ := os.ReadFile("/proc/loadavg")
	return fmt.Sprintf("%s, %d cores, Linux %s, %s; load %s", model, runtime.NumCPU(), strings.TrimSpace(string(kernel)),
		runtime.Version(), strings.Join(strings.Fields(string(load))[:min(3, len(strings.Fields(string(load))))], " "))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
