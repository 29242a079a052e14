package bench_test

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cpu returns the CPU time of a process, in user and kernel mode, with the children that it has
// waited for.
func cpu(b *testing.B, pid int) time.Duration {
	b.Helper()
	const tick = time.Second / 100 // USER_HZ on every Linux
	fields := stat(b, pid)
	var ticks int64
	for _, f := range fields[11:15] { // utime, stime, cutime, cstime
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick
}

// thread is a thread of a process: its name, its CPU time, and how often it gave up its processor
// to wait.
type thread struct {
	name     string
	cpu      time.Duration
	switches int64
}

// threads returns a process's threads, by number.
func threads(b *testing.B, pid int) map[string]thread {
	b.Helper()
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*")
	if err != nil || len(tasks) == 0 {
		b.Fatalf("process %d has no threads: %v", pid, err)
	}
	all := map[string]thread{}
	for _, task := range tasks {
		name, _ := os.ReadFile(task + "/comm")
		used, _ := os.ReadFile(task + "/schedstat")
		status, _ := os.ReadFile(task + "/status")
		t := thread{name: strings.TrimSpace(string(name))}
		if f := strings.Fields(string(used)); len(f) > 0 {
			n, _ := strconv.ParseInt(f[0], 10, 64)
			t.cpu = time.Duration(n)
		}
		for line := range strings.Lines(string(status)) {
			if rest, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
				t.switches, _ = strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			}
		}
		all[filepath.Base(task)] = t
	}
	return all
}

// since returns what each thread has used since before was taken, the busiest first.
func since(before, now map[string]thread) (list []thread) {
	for id, t := range now {
		list = append(list, thread{t.name, t.cpu - before[id].cpu, t.switches - before[id].switches})
	}
	slices.SortFunc(list, func(x, y thread) int { return cmp.Compare(y.cpu, x.cpu) })
	return list
}

// stat returns the fields of /proc/PID/stat from the state on.
func stat(b *testing.B, pid int) []string {
	b.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// memory returns the sum of some figures in a file of /proc/PID, in MiB.
func memory(b *testing.B, pid int, file string, names ...string) (sum float64) {
	b.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/" + file)
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		for _, name := range names {
			if rest, ok := strings.CutPrefix(line, name+":"); ok {
				kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
				if err != nil {
					b.Fatal(err)
				}
				sum += kib / 1024
			}
		}
	}
	return sum
}
