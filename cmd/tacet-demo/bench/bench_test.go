// Package bench_test measures what the programs cost: their speed as ratios against stock tools in
// the same run, since a figure of one machine says little of another.
//
//	make bench
//	BENCH_SECONDS=20 make bench    a rough one
//
// It is no part of the tests: how fast a busy machine is says nothing about the programs.
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

// rounds is how often a live measurement is made; the median counts.
const rounds = 3

// duration is how long each live measurement takes.
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

// measured puts a value into the table. A target of 0 is none.
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

// atLeast puts a value into the table that should not be less than a target.
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

// machine describes where this was measured, and how busy that was.
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
