// Package mosquittotest runs a real Mosquitto in tests, with the configuration that the package
// ships for a practice, and with the certificates that its comments say how to make.
//
//	m := mosquittotest.New(t, acl, passwd)
//	m.Start()
//	m.URL() // mqtts://127.0.0.1:34567, with m.CA
//	m.Kill()
package mosquittotest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"tacet/systemd/needs"
)

// patience is how long a program may take.
const patience = time.Minute

// Mosquitto is a broker that can be killed and started again. It keeps its port and what it has on
// its disk.
type Mosquitto struct {
	CA  []byte // the certificate of its authority
	Dir string

	t             testing.TB
	program, port string
	cmd           *exec.Cmd
	log           bytes.Buffer
	done          chan struct{}
}

// Shipped returns the configuration that the package ships.
func Shipped(t testing.TB) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(here), "../../../systemd/package/examples/mosquitto.conf"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// New writes the shipped configuration, as Debian includes it, and the lists.
func New(t testing.TB, acl, passwd string) *Mosquitto {
	t.Helper()
	m := &Mosquitto{t: t, program: needs.Program(t, "mosquitto", "mosquitto"), Dir: t.TempDir(), port: freePort(t)}
	tacet, data := filepath.Join(m.Dir, "tacet"), filepath.Join(m.Dir, "data")
	for _, dir := range []string{tacet, data, filepath.Join(m.Dir, "conf.d")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	shipped := Shipped(t)
	m.certificates(shipped, tacet)
	shipped = strings.NewReplacer("/etc/mosquitto/tacet", tacet,
		"listener 8883", "listener "+m.port+" 127.0.0.1").Replace(shipped)
	debian := fmt.Sprintf("persistence true\npersistence_location %s/\nlog_dest stderr\ninclude_dir %s\n", data,
		filepath.Join(m.Dir, "conf.d"))
	if os.Geteuid() == 0 { // it would give up root's rights, and the files are root's
		debian += "user root\n"
	}
	for name, text := range map[string]string{"mosquitto.conf": debian, "conf.d/tacet.conf": shipped,
		"tacet/mosquitto.acl": acl, "tacet/mosquitto.passwd": passwd} {
		if err := os.WriteFile(filepath.Join(m.Dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(m.Kill)
	return m
}

// certificates runs the commands of the configuration's comments.
func (m *Mosquitto) certificates(shipped, dir string) {
	m.t.Helper()
	openssl := needs.Program(m.t, "openssl", "openssl")
	commands := regexp.MustCompile(`(?m)^# +openssl (.*)$`).FindAllStringSubmatch(shipped, -1)
	if len(commands) != 2 {
		m.t.Fatalf("the configuration has %d commands for certificates", len(commands))
	}
	for _, c := range commands {
		line := strings.ReplaceAll(c[1], "DNS:broker.lan", "DNS:broker.lan,IP:127.0.0.1")
		var args []string
		for _, word := range regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(line, -1) {
			args = append(args, strings.Trim(word, `"`))
		}
		run := exec.Command(openssl, args...)
		run.Dir = dir
		if out, err := run.CombinedOutput(); err != nil {
			m.t.Fatalf("openssl %s: %v: %s", line, err, out)
		}
	}
	var err error
	if m.CA, err = os.ReadFile(filepath.Join(dir, "ca.pem")); err != nil {
		m.t.Fatal(err)
	}
}

// URL is the address for a unit.
func (m *Mosquitto) URL() string { return "mqtts://127.0.0.1:" + m.port }

// Port is the port on 127.0.0.1.
func (m *Mosquitto) Port() string { return m.port }

// TLS is the configuration of a client.
func (m *Mosquitto) TLS() *tls.Config {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(m.CA)
	return &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
}

// Start starts the broker, and returns when it listens.
func (m *Mosquitto) Start() *Mosquitto {
	m.t.Helper()
	m.cmd = exec.Command(m.program, "-c", filepath.Join(m.Dir, "mosquitto.conf"))
	m.log.Reset()
	m.cmd.Stdout, m.cmd.Stderr = &m.log, &m.log
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.done = make(chan struct{})
	go func(cmd *exec.Cmd, done chan struct{}) { defer close(done); cmd.Wait() }(m.cmd, m.done)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for late := time.After(patience); ; {
		if c, err := net.Dial("tcp", "127.0.0.1:"+m.port); err == nil {
			c.Close()
			return m
		}
		select {
		case <-again.C:
		case <-m.done:
			m.t.Fatalf("mosquitto ended: %s", m.log.String())
		case <-late:
			m.t.Fatal("mosquitto doesn't start")
		}
	}
}

// Pid is the process.
func (m *Mosquitto) Pid() int { return m.cmd.Process.Pid }

// Kill ends the broker as a power cut would, but for what the kernel still holds.
func (m *Mosquitto) Kill() {
	if m.cmd == nil {
		return
	}
	m.cmd.Process.Kill()
	<-m.done
	m.cmd = nil
}

// Stop ends it in order, so that it saves what it holds.
func (m *Mosquitto) Stop() {
	m.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-m.done:
	case <-time.After(patience):
		m.t.Error("mosquitto doesn't stop")
		m.Kill()
	}
	m.cmd = nil
}

// Log is what it has said, once it has ended.
func (m *Mosquitto) Log() string { return m.log.String() }

// Account is a line for the password file, made by Mosquitto's own tool, and the lines of its rights.
func Account(t testing.TB, user, password string, topics ...string) (acl, passwd string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "passwd")
	tool := needs.Program(t, "mosquitto_passwd", "mosquitto")
	if out, err := exec.Command(tool, "-b", "-c", file, user, password).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v: %s", err, out)
	}
	line, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("\nuser %s\ntopic %s\n", user, strings.Join(topics, "\ntopic ")), string(line)
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
