package provision

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tacet/cmd/internal/mosquittotest"
	"tacet/systemd/needs"
)

// patience is how long a server may take.
const patience = time.Minute

// A real Mosquitto with the shipped configuration accepts the lists, and each unit's password, for
// that unit's topics only.
func TestMosquittoTakesTheLists(t *testing.T) {
	publish := needs.Program(t, "mosquitto_pub", "mosquitto-clients")
	d := newDesk(t)
	d.provision(rows(3, same))
	broker := mosquittotest.New(t, d.made("_office/mosquitto.acl"), d.made("_office/mosquitto.passwd")).Start()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, broker.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	password := func(i int) string {
		return strings.TrimSpace(d.made(fmt.Sprintf("high-street/room-%d/etc/mqtt_password", i)))
	}
	own := func(user string) string { return strings.TrimSpace(d.made("_office/mqtt/" + user)) }
	for _, c := range []struct {
		user, password, topic string
		ok                    bool
	}{
		{"high-street-room-1", password(1), "tacet/high-street/room-1/state", true},
		{"high-street-room-1", password(1), "homeassistant/device/tacet_high-street_room-1/config", true},
		{"high-street-room-2", password(2), "tacet/high-street/room-2/alert/disk-full", true},
		{"high-street-room-1", password(1), "tacet/high-street/room-2/state", false},
		{"high-street-room-1", password(1), "homeassistant/device/tacet_high-street_room-2/config", false},
		{"high-street-room-1", password(1), "homeassistant/status", false},
		{"high-street-room-1", password(2), "tacet/high-street/room-1/state", false},
		{"high-street-room-9", password(1), "tacet/high-street/room-9/state", false},
		{"dashboard", own("dashboard"), "tacet/high-street/room-1/state", false},
		{"homeassistant", own("homeassistant"), "homeassistant/status", true},
		{"homeassistant", own("homeassistant"), "tacet/high-street/room-1/state", false},
		{"forget", own("forget"), "tacet/high-street/room-1/state", true},
		{"forget", own("forget"), "homeassistant/device/tacet_high-street_room-1/config", true},
		{"forget", own("forget"), "homeassistant/status", false},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		out, err := exec.CommandContext(ctx, publish, "-V", "5", "-h", "127.0.0.1", "-p", broker.Port(),
			"--cafile", ca, "-u", c.user, "-P", c.password, "-q", "1", "-t", c.topic,
			"-m", "x").CombinedOutput()
		cancel()
		refused := err != nil || strings.Contains(strings.ToLower(string(out)), "not authorized")
		if refused == c.ok {
			t.Errorf("%s on %s: refused %v: %s", c.user, c.topic, refused, out)
		}
	}
	if t.Failed() {
		broker.Kill()
		t.Log(broker.Log())
	}
}

// OpenSSH reads the private key, and derives the same public key as in authorized_keys.
func TestOpenSSHTakesTheKey(t *testing.T) {
	program := needs.Program(t, "ssh-keygen", "openssh-client")
	d := newDesk(t)
	d.provision(rows(1, same))
	out, err := exec.Command(program, "-y", "-f",
		filepath.Join(d.out(), "high-street/room-0/etc/sftp_key")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	public := strings.Join(strings.Fields(string(out))[:2], " ")
	if got, want := d.made("_office/authorized_keys/high-street-room-0@backup.lan"),
		`restrict,command="internal-sftp" `+public+" high-street/room-0\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if out, err := exec.Command(program, "-l", "-f",
		filepath.Join(d.out(), "_office/authorized_keys/high-street-room-0@backup.lan")).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// A boot partition without enough space is an error before anything is written to it.
func TestCardIsFull(t *testing.T) {
	needs.Root(t, "to mount a small disk")
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	for _, name := range []string{"config.txt", "cmdline.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("a\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	card, err := OpenCard(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer card.Close()
	_, err = card.Prepare(testKit("high-street/room-3"), testDebs(t), false)
	if err == nil || !strings.Contains(err.Error(), "the card's boot partition has 0 MB free, but needs 2 MB") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "tacet")); err == nil {
		t.Error("something was written")
	}
}
