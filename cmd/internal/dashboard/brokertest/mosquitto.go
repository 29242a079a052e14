// Package brokertest runs a real Mosquitto for tests, which can be killed and restarted, and clients
// that publish as units do.
package brokertest

import (
	"bufio"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tacet/systemd/needs"
)

const deadline = 30 * time.Second

// Mosquitto is a broker on a port of its own. It keeps what it was told across Kill and Start.
type Mosquitto struct {
	t       testing.TB
	program string
	config  string
	port    string
	cmd     *exec.Cmd
	done    chan struct{} // closed when the process has gone
}

// New starts a broker. Settings are lines of its configuration besides the listener; without any,
// everybody may do everything.
func New(t testing.TB, settings ...string) *Mosquitto {
	t.Helper()
	program := needs.Program(t, "mosquitto", "mosquitto")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	listener.Close()
	dir := t.TempDir()
	m := &Mosquitto{t: t, program: program, port: port, config: filepath.Join(dir, "mosquitto.conf")}
	lines := append([]string{"user root", "persistence true", "persistence_location " + dir + "/", "autosave_interval 1",
		"autosave_on_changes true", "log_dest stderr", "listener " + port + " 127.0.0.1"}, settings...)
	if len(settings) == 0 {
		lines = append(lines, "allow_anonymous true")
	}
	if err := os.WriteFile(m.config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Kill)
	m.Start()
	return m
}

// URL is the broker's address for the programs.
func (m *Mosquitto) URL() string { return "mqtt://127.0.0.1:" + m.port }

// Name is the broker's address without a scheme.
func (m *Mosquitto) Name() string { return "127.0.0.1:" + m.port }

// Start returns when the broker listens.
func (m *Mosquitto) Start() {
	m.t.Helper()
	m.cmd = exec.Command(m.program, "-c", m.config)
	logs, err := m.cmd.StderrPipe()
	if err != nil {
		m.t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	cmd, running, done := m.cmd, make(chan struct{}), make(chan struct{})
	m.done = done
	go func() {
		defer close(done)
		up := sync.OnceFunc(func() { close(running) })
		lines := bufio.NewScanner(logs)
		for lines.Scan() {
			if strings.HasSuffix(lines.Text(), " running") {
				up()
			}
		}
		cmd.Wait()
	}()
	select {
	case <-running:
	case <-done:
		m.t.Fatal("mosquitto ended at once")
	case <-time.After(deadline):
		m.t.Fatal("mosquitto doesn't start")
	}
}

// Kill ends the broker as a power cut would: it keeps what it had saved.
func (m *Mosquitto) Kill() { m.end(os.Kill) }

// Stop ends the broker in order: it saves everything.
func (m *Mosquitto) Stop() { m.end(os.Interrupt) }

func (m *Mosquitto) end(signal os.Signal) {
	if m.cmd == nil {
		return
	}
	m.cmd.Process.Signal(signal)
	<-m.done
	m.cmd = nil
}

// Client is a client of the broker.
type Client struct {
	t    testing.TB
	paho paho.Client
}

// Client connects a client.
func (m *Mosquitto) Client(change ...func(*paho.ClientOptions)) *Client {
	m.t.Helper()
	c := m.client(change...)
	c.within(c.paho.Connect())
	m.t.Cleanup(c.Close)
	return c
}

// TryClient connects a client, or returns nil if the broker is not there.
func (m *Mosquitto) TryClient() *Client {
	c := m.client()
	if token := c.paho.Connect(); !token.WaitTimeout(deadline) || token.Error() != nil {
		return nil
	}
	return c
}

func (m *Mosquitto) client(change ...func(*paho.ClientOptions)) *Client {
	o := paho.NewClientOptions().AddBroker("tcp://" + m.Name()).SetAutoReconnect(false).SetProtocolVersion(4)
	o.SetWriteTimeout(deadline)
	for _, c := range change {
		c(o)
	}
	return &Client{m.t, paho.NewClient(o)}
}

// Close disconnects.
func (c *Client) Close() { c.paho.Disconnect(0) }

// Publish publishes with QoS 1, and returns when the broker has acknowledged it.
func (c *Client) Publish(topic, payload string, retained bool) {
	c.t.Helper()
	c.within(c.paho.Publish(topic, 1, retained, payload))
}

// Try is Publish that reports whether the broker acknowledged it.
func (c *Client) Try(topic, payload string, retained bool) bool {
	token := c.paho.Publish(topic, 1, retained, payload)
	return token.WaitTimeout(deadline) && token.Error() == nil
}

func (c *Client) within(token paho.Token) {
	c.t.Helper()
	if !token.WaitTimeout(deadline) {
		c.t.Fatal("the broker doesn't answer the test")
	}
	if err := token.Error(); err != nil {
		c.t.Fatal(err)
	}
}
