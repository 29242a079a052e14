package bench_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tacet/cmd/tacet-demo/demotest"
	"tacet/config"
)

// BenchmarkProvision provisions forty rooms, then five of them again after a change.
func BenchmarkProvision(b *testing.B) {
	dir := b.TempDir()
	var cpu float64 // seconds of the last call
	tacet := func(stdin string, args ...string) string {
		c := exec.Command(demotest.Program("tacet"), args...)
		c.Dir, c.Stdin = dir, strings.NewReader(stdin)
		out, err := c.Output()
		if err != nil {
			b.Fatalf("tacet %v: %v", args, err)
		}
		cpu = (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
		return string(out)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	write("practice.pub", tacet("", "keygen", "-plain", "-o", "office.key"))
	write("tacet.toml", strings.NewReplacer(`site = "high-street"`, `site = "{site}"`, `id   = "room-3"`,
		`id   = "{room}"`,
		`"Consulting room 3"`, `"{name}"`, `username = "room-3"`, `username = "{site}-{room}"`).Replace(config.Example))
	for _, name := range []string{"s3_access", "s3_secret", "ca.pem", "known_hosts", "client.pem", "client.key"} {
		write(name, "x\n")
	}
	provision := func(changed int) float64 {
		list := "site,room,name,drives\n"
		for i := range 40 {
			name := fmt.Sprintf("Consulting room %d", i)
			if i < changed {
				name = fmt.Sprintf("Large room %d", i)
			}
			list += fmt.Sprintf("high-street,room-%d,%s,1234-%04d\n", i, name, i)
		}
		write("rooms.csv", list)
		began := time.Now()
		out := tacet("", "provision", "-i", "office.key", "-template", "tacet.toml", "-o", "out", "rooms.csv")
		took := time.Since(began).Seconds()
		if n := strings.Count(out, ": made\n") + strings.Count(out, ": changed\n"); changed == 0 && n != 40 || changed > 0 &&
			n != changed {
			b.Fatalf("%d rooms were made or changed: %s", n, out)
		}
		return took
	}
	measured("forty rooms provisioned", provision(0), 10, "s")
	measured("– CPU; the rest waits for the disk", cpu, 0, "s")
	measured("– then five changed", provision(5), 0, "s")
}
