package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/crypto/ssh"

	"tacet/cmd/internal/stores"
	"tacet/daemon/store/storetest"
	"tacet/systemd/needs"
)

// mosquitto starts a real broker that wants a password, and returns its port.
func mosquitto(t *testing.T) string {
	t.Helper()
	var programs [2]string
	for i, name := range []string{"mosquitto", "mosquitto_passwd"} {
		programs[i] = needs.Program(t, name, "mosquitto")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	dir := t.TempDir()
	file, passwords := filepath.Join(dir, "mosquitto.conf"), filepath.Join(dir, "passwords")
	if out, err := exec.Command(programs[1], "-b", "-c", passwords, "room-3", "right").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	err = os.WriteFile(file, fmt.Appendf(nil,
		"user root\npersistence false\nlog_dest stderr\nlistener %s 127.0.0.1\npassword_file %s\n", port, passwords), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(programs[0], "-c", file)
	log, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	running, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		up := running
		for lines := bufio.NewScanner(log); lines.Scan(); {
			if up != nil && strings.HasSuffix(lines.Text(), " running") {
				close(up)
				up = nil
			}
		}
		cmd.Wait()
	}()
	t.Cleanup(func() { cmd.Process.Kill(); <-ended })
	select {
	case <-running:
	case <-ended:
		t.Fatal("mosquitto ended at once")
	case <-time.After(enough):
		t.Fatal("mosquitto does not start")
	}
	return port
}

// Doctor connects with the unit's own password, and the running daemon stays connected.
func TestDoctorAtTheBroker(t *testing.T) {
	port := mosquitto(t)
	secret := filepath.Join(t.TempDir(), "password")
	try := func(password string) *patient {
		t.Helper()
		if err := os.WriteFile(secret, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p := newPatient(t, "[mqtt]\nbroker = \"mqtt://127.0.0.1:"+port+"\"\nusername = \"room-3\"\npassword_file = \""+secret+
			"\"\n")
		p.running = "the running daemon"
		p.doctor.broker(t.Context())
		return p
	}
	lost := make(chan error, 1)
	o := mqtt.NewClientOptions().AddBroker("tcp://127.0.0.1:" +
		port).SetClientID("tacet-site-room-3").SetUsername("room-3").SetPassword("right")
	o.SetAutoReconnect(false).SetConnectionLostHandler(func(_ mqtt.Client, err error) { lost <- err })
	unit := mqtt.NewClient(o)
	if token := unit.Connect(); !token.WaitTimeout(enough) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	defer unit.Disconnect(0)

	p := try("right")
	p.says("ok         broker mqtt://127.0.0.1:" + port + ": accepts the unit and everything that it publishes")
	p.exits(0)
	p = try("wrong")
	p.says("FAIL       broker ", "refused the user name or the password", "compare username and password_file")
	p.exits(1)
	// The broker delivers this after anything that it had done to the daemon's connection.
	if token := unit.Publish("tacet/site/room-3/heartbeat", 1, false, "x"); !token.WaitTimeout(enough) ||
		token.Error() != nil {
		t.Errorf("the running daemon was disconnected: %v", token.Error())
	}
	select {
	case err := <-lost:
		t.Errorf("the running daemon was disconnected: %v", err)
	default:
	}
}

// Root may do what the service may not, so doctor tries with the service's rights.
func TestDoctorTriesAsTheService(t *testing.T) {
	needs.Root(t, "the service's rights")
	u := newUnit(t)
	if err := os.Chmod(filepath.Dir(u.run), 0o755); err != nil { // so that the user nobody gets there
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(u.run, statusFile), []byte(`{"pid":1,"phase":"idle"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string][]string{
		"nobody":        {"FAIL       config: ", "permission denied", "FAIL       spool " + u.state + "/spool: "},
		"nobody-at-all": {"ok         spool "},
	} {
		out, _ := exec.Command("tacetd", "doctor", "-config", u.config, "-run", u.run, "-user", user).CombinedOutput()
		for _, w := range append(want, "ok         encryption: ") {
			if !bytes.Contains(out, []byte(w)) {
				t.Errorf("as %s: no %q in\n%s", user, w, out)
			}
		}
	}
}

// Of a server that lacks something doctor says what follows from it; of a useless one, why. It says
// what the unit meets: see the stores' own tables of traits.
func TestDoctorAtServers(t *testing.T) {
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(old)
	if err == nil {
		key, err = ssh.NewSignerWithAlgorithms(key.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	}
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		trait storetest.Trait
		keys  []ssh.Signer
		says  []string
		code  int
	}{
		"OpenSSH": {says: []string{"ok         store office (sftp): accepts copies, and nothing was left there: sftp://room-3@"}},
		"without fsync": {trait: storetest.Trait{Lacks: []string{"fsync@openssh.com"}},
			says: []string{"ok         store office (sftp): accepts copies", "; note: the server can't sync on request"}},
		"without removing": {trait: storetest.Trait{Ask: refuse(storetest.SFTPRemove)},
			says: []string{"ok         store office (sftp): accepts copies: ", "can't be removed"}},
		"without writing": {trait: storetest.Trait{Ask: refuse(storetest.SFTPWrite)},
			says: []string{"FAIL       store office (sftp): ", "may not write there"}, code: 1},
		"with SHA-1": {keys: []ssh.Signer{key}, says: []string{"FAIL       store office (sftp): ", "SHA-1"}, code: 1},
	} {
		t.Run(what, func(t *testing.T) {
			server := storetest.StartSFTPD(t, c.trait, c.keys...)
			p := newPatient(t, "[[store]]\nname = \"office\"\nkind = \"sftp\"\nurl = \"sftp://"+server.User+"@"+
				server.Addr+server.Dir+
				"\"\nkey = \""+server.Key+"\"\nknown_hosts = \""+server.KnownHosts+"\"\n")
			maker, err := stores.New(t.Context(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			p.storeKind = maker.Kind(p.cfg)
			p.doctor.stores(t.Context())
			p.says(c.says[0], c.says[1:]...)
			p.exits(c.code)
		})
	}
}

// refuse denies requests of this type.
func refuse(kind byte) func(storetest.Request) []byte {
	return func(r storetest.Request) []byte {
		if r.Type == kind {
			return r.Refuse(storetest.SFTPDenied, "no")
		}
		return nil
	}
}
