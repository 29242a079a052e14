//go:build emulated

package e2e_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tacet/cmd/tacet-demo/demotest"
)

// elsewhere is the root of a Debian for another processor, which this machine emulates, with
// tacet-demo in it and the package installed. systemd/package/try makes it.
var elsewhere = os.Getenv("TACET_ELSEWHERE")

// in makes a command that runs there.
func in(args ...string) *exec.Cmd {
	return exec.Command("chroot", append([]string{elsewhere}, args...)...)
}

// On another processor the demo records its voice; the package's tacet verifies and opens it.
func TestAnotherProcessorRecords(t *testing.T) {
	if elsewhere == "" {
		t.Fatal("TACET_ELSEWHERE names no folder: systemd/package/try sets it")
	}
	there, err := os.MkdirTemp(filepath.Join(elsewhere, "tmp"), "demo-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(there) })
	inside := strings.TrimPrefix(there, elsewhere)
	url, done := startThere(t, inside)
	page := demotest.OpenPage(t, url, done)

	page.Until("readiness", demotest.Phase("idle"))
	page.Insist("patient", "consent", demotest.Phase("waiting"))
	page.Insist("clinician", "consent", func(p demotest.Panel) bool { return p.Phase != "waiting" && p.Phase != "idle" })
	page.Until("five seconds", demotest.Recorded(1, 5))
	page.Press("patient")
	file := page.Until("the end", demotest.Ended(1, "whole")).Recordings[0].File

	key, err := os.ReadFile(filepath.Join(there, "unit.key"))
	if err != nil {
		t.Fatal(err)
	}
	_, vkey, _ := strings.Cut(string(key), "\n")
	if err := os.WriteFile(filepath.Join(there, "unit.vkey"), []byte(vkey), 0o644); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(inside, name) }
	for _, args := range [][]string{
		{"verify", "-unit", at("unit.vkey"), at("spool/" + file)},
		{"open", "-i", at("office.key"), "-unit", at("unit.vkey"), "-o", at("visit.opus"), at("spool/" + file)},
	} {
		out, err := in(append([]string{"/usr/bin/tacet"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("tacet %s: %v\n%s", args[0], err, out)
		}
		t.Logf("tacet %s: %s", args[0], out)
	}
	audible(t, filepath.Join(there, "visit.opus"))
}

// startThere starts the demo, which is interrupted with the test at the latest.
func startThere(t *testing.T, dir string) (url string, done chan struct{}) {
	t.Helper()
	cmd := in("/usr/local/bin/tacet-demo", "-mic", "voice", "-listen", "127.0.0.1:0", "-dir", dir)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for url == "" && lines.Scan() {
		if is, ok := strings.CutPrefix(lines.Text(), "page:"); ok {
			url = strings.TrimSuffix(strings.TrimSpace(is), "/")
		}
	}
	done = make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(io.Discard, out)
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		<-done
		if t.Failed() {
			t.Logf("tacet-demo said:\n%s", said.String())
		}
	})
	if url == "" {
		t.Fatal("tacet-demo told no address")
	}
	return url, done
}

// audible wants sound in a file, as a stock decoder finds it: speech, not silence.
func audible(t *testing.T, file string) {
	t.Helper()
	pcm, err := exec.Command(demotest.Tool(t, "opusdec"), "--quiet", "--rate", "48000", "--force-wav", file, "-").Output()
	if err != nil {
		t.Fatalf("opusdec: %v", err)
	}
	const header = 44
	loud, samples := 0, (len(pcm)-header)/2
	for i := range max(0, samples) {
		if v := int16(uint16(pcm[header+2*i]) | uint16(pcm[header+2*i+1])<<8); v > 1000 || v < -1000 {
			loud++
		}
	}
	t.Logf("%.1f s of sound, %d %% of it loud", float64(samples)/48000, 100*loud/max(1, samples))
	if samples < 4*48000 || loud < samples/50 {
		t.Errorf("of %d samples %d are loud: that is no voice", samples, loud)
	}
}
