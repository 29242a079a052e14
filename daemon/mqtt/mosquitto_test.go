package mqtt

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"tacet/systemd/needs"
)

func newContext() (context.Context, context.CancelFunc) {
	return context.WithCancel(context.Background())
}

// mosquitto is a real broker on its own port, which can be killed and restarted. It keeps nothing
// across a restart.
type mosquitto struct {
	program string
	config  string
	port    string
	cmd     *exec.Cmd
	done    chan struct{} // closed when the process has gone
}

func (m *mosquitto) address() string { return "127.0.0.1:" + m.port }

// installed configures a broker without starting it. Settings are lines of its configuration
// besides the listener.
func installed(t *testing.T, settings ...string) *mosquitto {
	t.Helper()
	program := needs.Program(t, "mosquitto", "mosquitto")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	ln.Close()
	m := &mosquitto{program: program, port: port, config: filepath.Join(t.TempDir(), "mosquitto.conf")}
	lines := append([]string{"user root", "persistence false", "log_dest stderr", "listener " + port + " 127.0.0.1"},
		settings...)
	if len(settings) == 0 {
		lines = append(lines, "allow_anonymous true")
	}
	if err := os.WriteFile(m.config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.kill() })
	return m
}

// start returns when the broker listens.
func (m *mosquitto) start(t *testing.T) *mosquitto {
	t.Helper()
	m.cmd = exec.Command(m.program, "-c", m.config)
	logs, err := m.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	running, done := make(chan struct{}), make(chan struct{})
	m.done = done
	go func() {
		defer close(done)
		up := sync.OnceFunc(func() { close(running) })
		lines := bufio.NewScanner(logs)
		for lines.Scan() {
			if strings.HasSuffix(lines.Text(), " running") {
				up()
			}
			if strings.Contains(lines.Text(), "rror") {
				fmt.Fprintln(os.Stderr, "mosquitto:", lines.Text())
			}
		}
		m.cmd.Wait()
	}()
	select {
	case <-running:
	case <-done:
		t.Fatal("mosquitto ended at once")
	case <-time.After(deadline):
		t.Fatal("mosquitto doesn't start")
	}
	return m
}

// kill ends the broker as a power cut would.
func (m *mosquitto) kill() {
	if m.cmd == nil {
		return
	}
	m.cmd.Process.Kill()
	<-m.done
	m.cmd = nil
}

// heard is a message as a subscriber receives it.
type heard struct {
	topic    string
	payload  string
	retained bool
}

func (h heard) String() string {
	return fmt.Sprintf("%s=%.80s retained=%v", h.topic, h.payload, h.retained)
}

// watcher is another client of the broker.
type watcher struct {
	journal[heard]
	client mqtt.Client
}

// watch subscribes to all topics of units, with QoS 0, which keeps their order.
func watch(t *testing.T, address string, change ...func(*mqtt.ClientOptions)) *watcher {
	t.Helper()
	w := &watcher{}
	o := mqtt.NewClientOptions().AddBroker("tcp://" + address).SetAutoReconnect(false).SetProtocolVersion(4)
	o.SetClientID(fmt.Sprintf("watcher-%p", w))
	for _, c := range change {
		c(o)
	}
	w.client = mqtt.NewClient(o)
	within(t, w.client.Connect())
	t.Cleanup(func() { w.client.Disconnect(0) })
	all := func(_ mqtt.Client, m mqtt.Message) { w.add(heard{m.Topic(), string(m.Payload()), m.Retained()}) }
	within(t, w.client.SubscribeMultiple(map[string]byte{"tacet/#": 0, "homeassistant/device/#": 0}, all))
	return w
}

// say publishes a message.
func (w *watcher) say(t *testing.T, topic, payload string, retained bool) {
	t.Helper()
	within(t, w.client.Publish(topic, 1, retained, payload))
}

func within(t *testing.T, token mqtt.Token) {
	t.Helper()
	if !token.WaitTimeout(deadline) {
		t.Fatal("the broker doesn't answer the test")
	}
	if err := token.Error(); err != nil {
		t.Fatal(err)
	}
}

// retained returns the retained messages by topic.
func retained(t *testing.T, address string) map[string]string {
	t.Helper()
	w := watch(t, address)
	// Our own message arrives after everything retained.
	w.say(t, "tacet/end/of/it", "end", false)
	kept := make(map[string]string)
	for _, m := range w.await(t, "the end of what is retained", func(all []heard) bool {
		return slices.ContainsFunc(all, func(m heard) bool { return m.topic == "tacet/end/of/it" })
	}) {
		if m.retained {
			kept[m.topic] = m.payload
		}
	}
	return kept
}

// passwords writes a password file from alternating names and passwords.
func passwords(t *testing.T, file string, pairs ...string) {
	t.Helper()
	program := needs.Program(t, "mosquitto_passwd", "mosquitto")
	os.Remove(file)
	for i := 0; i < len(pairs); i += 2 {
		args := []string{"-b", file, pairs[i], pairs[i+1]}
		if i == 0 {
			args = append([]string{"-c"}, args...)
		}
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_passwd: %v: %s", err, out)
		}
	}
}
