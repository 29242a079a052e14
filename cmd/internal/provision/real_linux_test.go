package provision

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tacet/systemd/needs"
)

// patience is how long a server may take.
const patience = time.Minute

// A real Mosquitto accepts the lists, and each unit's password, for that unit's topics only.
func TestMosquittoTakesTheLists(t *testing.T) {
	program := needs.Program(t, "mosquitto", "mosquitto")
	publish := needs.Program(t, "mosquitto_pub", "mosquitto-clients")
	d := newDesk(t)
	d.provision(rows(3, same))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	free.Close()
	conf := filepath.Join(t.TempDir(), "mosquitto.conf")
	settings := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous false\npersistence false\nacl_file %s\npassword_file %s\n", port,
		filepath.Join(d.out(), "_office/mosquitto.acl"), filepath.Join(d.out(), "_office/mosquitto.passwd"))
	if os.Geteuid() == 0 { // it would give up root's rights, and the lists are root's
		settings += "user root\n"
	}
	if err := os.WriteFile(conf, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	broker := exec.Command(program, "-c", conf)
	var log bytes.Buffer
	broker.Stdout, broker.Stderr = &log, &log
	if err := broker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { broker.Process.Kill(); broker.Wait() })
	awaitPort(t, port)
	password := func(i int) string {
		return strings.TrimSpace(d.made(fmt.Sprintf("high-street/room-%d/etc/mqtt_password", i)))
	}
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
	} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		out, err := exec.CommandContext(ctx, publish, "-V", "5", "-h", "127.0.0.1", "-p", port, "-u", c.user, "-P",
			c.password, "-q", "1", "-t", c.topic,
			"-m", "x").CombinedOutput()
		cancel()
		refused := err != nil || strings.Contains(strings.ToLower(string(out)), "not authorized")
		if refused == c.ok {
			t.Errorf("%s on %s: refused %v: %s", c.user, c.topic, refused, out)
		}
	}
	if t.Failed() {
		broker.Process.Kill()
		broker.Wait()
		t.Log(log.String())
	}
}

// awaitPort waits until a server listens.
func awaitPort(t *testing.T, port string) {
	t.Helper()
	deadline := time.After(patience)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
			c.Close()
			return
		}
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("the broker doesn't start")
		}
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
