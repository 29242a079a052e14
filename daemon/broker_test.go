package daemon

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tacet/config"
	"tacet/daemon/health"
	"tacet/daemon/mqtt"
	"tacet/daemon/topic"
	"tacet/systemd/needs"
)

// desk is where a technician mends what the unit needs to reach its broker.
type desk struct {
	*testing.T
	dir string
	d   *Daemon
}

func newDesk(t *testing.T, broker string) *desk {
	k := &desk{t, t.TempDir(), nil}
	cfg := &config.Config{
		Room: config.Room{Site: "high-street", ID: "room-3"},
		MQTT: &config.MQTT{Broker: broker, Username: "room-3", PasswordFile: k.dir + "/password", CA: k.dir + "/ca.pem"},
	}
	d, err := New(cfg, Hardware{}, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	k.d = d
	return k
}

func (k *desk) write(name string, text []byte) (path string) {
	k.Helper()
	path = filepath.Join(k.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		k.Fatal(err)
	}
	return path
}

// up are the codes of the broker's warnings that are up.
func (k *desk) up() string {
	var codes []string
	for _, w := range k.d.health.Up() {
		codes = append(codes, string(w.Code))
	}
	return strings.Join(codes, " ")
}

// await waits until a warning is up.
func (k *desk) await(code string) {
	k.Helper()
	late := time.After(20 * time.Second)
	for !strings.Contains(k.up(), code) {
		select {
		case <-k.d.nudge:
		case <-late:
			k.Fatalf("no %s; up is %q", code, k.up())
		}
	}
}

// mosquitto starts a real one, which speaks TLS and wants a password.
func (k *desk) mosquitto(address string, cert, key []byte) {
	k.Helper()
	program := needs.Program(k, "mosquitto", "mosquitto")
	passwords := k.dir + "/passwords"
	if out, err := exec.Command("mosquitto_passwd", "-c", "-b", passwords, "room-3",
		"right").CombinedOutput(); err != nil {
		k.Fatalf("mosquitto_passwd: %v: %s", err, out)
	}
	_, port, _ := net.SplitHostPort(address)
	settings := fmt.Sprintf("user root\npersistence false\nlistener %s 127.0.0.1\nallow_anonymous false\npassword_file %s\ncertfile %s\nkeyfile %s\n",
		port, passwords, k.write("cert.pem", cert), k.write("key.pem", key))
	cmd := exec.Command(program, "-c", k.write("mosquitto.conf", []byte(settings)))
	logs, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		k.Fatal(err)
	}
	logged := make(chan struct{})
	go func() { defer close(logged); io.Copy(io.Discard, logs) }()
	k.Cleanup(func() { cmd.Process.Kill(); <-logged; cmd.Wait() })
	for end := time.Now().Add(20 * time.Second); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(end) {
			k.Fatal(err)
		}
		<-time.After(10 * time.Millisecond)
	}
}

// otherAuthority is one that has signed nothing.
func otherAuthority(t *testing.T) []byte {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true,
		NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestWhatTheBrokerRefusesIsToldAndMended: a certificate of an authority that is not the configured
// one, and a wrong password, are different warnings, at once; and correcting the file is all that
// is needed.
func TestWhatTheBrokerRefusesIsToldAndMended(t *testing.T) {
	// The server that the standard library has for tests has a certificate for this address.
	server := httptest.NewTLSServer(nil)
	server.Close()
	raw, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	address := server.Listener.Addr().String()
	k := newDesk(t, "mqtts://"+address)
	k.mosquitto(address, cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}))

	k.write("password", []byte("wrong\n"))
	k.write("ca.pem", otherAuthority(t))
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan struct{})
	go func() { defer close(told); k.d.tell(ctx) }()
	defer func() { cancel(); <-told }()
	client := (<-k.d.events).(tellerReady).client.(*mqtt.Client)
	now := time.Now()
	client.Publish(topic.State{Clock: topic.ClockSynced, Phase: topic.Idle, Since: now, Mic: topic.MicOK,
		Light:  topic.LightProved,
		Config: k.d.cfg.Hash(), Recipients: topic.RecipientsHash(nil)})

	k.await("mqtt-host-key")
	k.write("ca.pem", cert)
	k.await("mqtt-denied")
	k.write("password", []byte("right\n"))
	late := time.After(20 * time.Second)
	for !client.Connected() {
		select {
		case <-late:
			t.Fatalf("not connected; up is %q", k.up())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// One warning of the broker's stands at a time: it goes when another comes, and when all is well.
func TestTheBrokerBringsOneWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newDesk(t, "mqtt://127.0.0.1:1883")
		for _, code := range append(mqtt.Codes(), mqtt.Codes()...) {
			w, ok := health.Lookup(code)
			if !ok {
				t.Fatalf("%s is not declared", code)
			}
			k.d.brokerReport(mqtt.Report{Trouble: &mqtt.Trouble{Code: code, What: "it fails"}})
			<-time.After(max(w.After, time.Minute))
			k.d.health.Tick(time.Now())
			if got := k.up(); got != string(code) {
				t.Errorf("after %s: %q is up", code, got)
			}
		}
		k.d.brokerReport(mqtt.Report{Connected: true})
		<-time.After(time.Minute)
		k.d.health.Tick(time.Now())
		if got := k.up(); got != "" {
			t.Errorf("connected, and %q is up", got)
		}
	})
}

// What a broker doesn't let the unit do stands beside the connection, and goes when it lets it, or
// is gone itself.
func TestTheBrokersLimitsAreAWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newDesk(t, "mqtt://127.0.0.1:1883")
		after := func(what, want string, r mqtt.Report) {
			t.Helper()
			k.d.brokerReport(r)
			<-time.After(10 * time.Minute)
			k.d.health.Tick(time.Now())
			if got := k.up(); got != want {
				t.Errorf("%s: %q is up, want %q", what, got, want)
			}
		}
		limited := mqtt.Report{Connected: true, Limits: "the broker hangs up on homeassistant/x"}
		after("limited", "mqtt-limited", limited)
		if text := k.d.health.Up()[0].Message(); !strings.Contains(text, "homeassistant/x") {
			t.Errorf("the warning is %q", text)
		}
		after("all is well", "", mqtt.Report{Connected: true})
		after("limited again", "mqtt-limited", limited)
		after("away", "mqtt-offline", mqtt.Report{Trouble: &mqtt.Trouble{Code: mqtt.Unreached, What: "it is away"}})
	})
}

// What the configuration's check passes the client takes, and dials as it was written.
func TestWhatTheCheckPassesTheClientTakes(t *testing.T) {
	tried := 0
	for _, broker := range []string{
		"mqtt://broker.lan", "mqtts://broker.lan", "mqtts://broker.lan:1/", "mqtt://192.0.2.7:65535", "mqtt://[::1]",
		"mqtts://[fe80::1%25lo]:7", "mqtt://[fe80::1%25lo]",
		"mqtt://[fe80::1%lo]", "mqtt://bücher.lan", "mqtt://a%20b", "mqtt://a b", "mqtt://b:", "mqtt://b:0",
		"MQTT://broker.lan", "mqtt://b%00", "mqtt://b/x", "tcp://b",
	} {
		for _, prefix := range []string{"homeassistant", "home.assistant", "", "ha/a/b/c", "ha/a/b/c/d", "a b", "#", "tacet",
			"tacet/x", "ha/", ".", "-"} {
			for _, user := range []string{"room-3", "Zimmer 3 ü", strings.Repeat("ü", 100), strings.Repeat("ü", 101), "a\u0001b",
				"  "} {
				text := fmt.Sprintf(minimalConfig, broker, user, prefix)
				cfg, _, err := config.Parse("tacet.toml", []byte(text))
				if err != nil {
					continue
				}
				tried++
				d := Daemon{cfg: cfg, log: slog.New(slog.DiscardHandler)}
				o := d.brokerOptions()
				o.Memory = nil
				if _, err := mqtt.New(o); err != nil {
					t.Errorf("broker %q, user %q, prefix %q pass the check, and the client says: %v", broker, user, prefix, err)
				}
			}
		}
	}
	if tried < 100 {
		t.Errorf("only %d were passed", tried)
	}
}

const minimalConfig = `[room]
site = "high-street"
id = "room-3"
[[button]]
line = "GPIO5"
[light]
line = "GPIO27"
[audio]
device = "hw:CARD=Device,DEV=0"
[encrypt]
recipients = ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"]
[mqtt]
broker = "%s"
username = "%s"
homeassistant = "%s"
`

// Files are read anew each time; one that can't be read, or is too long to be one, is named.
func TestCredentialsAreReadAnew(t *testing.T) {
	k := newDesk(t, "mqtts://broker.lan:8883")
	read := func(want string) mqtt.Credentials {
		t.Helper()
		c, err := readCredentials(k.d.cfg.MQTT)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("error %v, want %q", err, want)
		}
		return c
	}
	read("password: no such file")
	k.write("password", []byte("one\n"))
	read("ca.pem: no such file")
	k.write("ca.pem", make([]byte, maxCredential+1))
	read("ca.pem is longer than 1048576 bytes")
	k.write("ca.pem", []byte("CA"))
	if c := read(""); c.Password != "one" || !bytes.Equal(c.CA, []byte("CA")) || slices.Concat(c.Cert, c.Key) != nil {
		t.Errorf("read: %+v", c)
	}
	k.write("password", []byte("two\n"))
	if c := read(""); c.Password != "two" {
		t.Errorf("read: %+v", c)
	}
	for written, want := range map[string]string{
		"\ufeffthree\r\n": "three", "\xff\xfeh\x00i\x00\r\x00\n\x00": "hi", " four \n": " four ", "five\t": "five\t",
		"p\xe4ss\n": "p\xe4ss",
	} {
		k.write("password", []byte(written))
		if c := read(""); c.Password != want {
			t.Errorf("of %q it read %q, want %q", written, c.Password, want)
		}
	}
	k.write("password", []byte("\ufeff\r\n"))
	read("password is empty")
	k.write("password", []byte("six\nseven\n"))
	read("password contains more than one line")
	k.write("password", []byte("six\n"))
	k.write("ca.pem", []byte("\ufeffC\r\nA\r\n"))
	if c := read(""); string(c.CA) != "C\nA\n" {
		t.Errorf("read: %q", c.CA)
	}
}
