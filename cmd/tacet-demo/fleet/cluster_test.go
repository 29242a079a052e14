package fleet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"tacet/cmd/internal/dashboard"
	"tacet/daemon/mqtt"
)

// cluster is three NATS servers with the shipped configuration, apart from TLS, ports and users.
type cluster struct {
	t       *testing.T
	program string
	nodes   [3]*node
}

type node struct {
	file, port string
	cmd        *exec.Cmd
	log        *bytes.Buffer
	done       chan struct{}
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{t: t}
	for _, dir := range []string{os.Getenv("TACET_TOOLS"), "../../../bin/tools"} {
		if name := filepath.Join(dir, "nats-server"); dir != "" {
			if _, err := os.Stat(name); err == nil {
				c.program = name
				break
			}
		}
	}
	if c.program == "" {
		t.Fatal("nats-server is missing: run .ci/install test")
	}
	shipped, err := os.ReadFile("../../../systemd/package/examples/nats.conf")
	if err != nil {
		t.Fatal(err)
	}
	var ports [3][3]string
	for i := range ports {
		for j := range ports[i] {
			ports[i][j] = freePort(t)
		}
	}
	routes := fmt.Sprintf(`routes: ["nats-route://127.0.0.1:%s", "nats-route://127.0.0.1:%s", "nats-route://127.0.0.1:%s"]`,
		ports[0][1], ports[1][1], ports[2][1])
	for i := range c.nodes {
		dir := t.TempDir()
		text := regexp.MustCompile(`(?m)^ *routes: .*$`).ReplaceAllLiteralString(string(shipped), routes)
		text = regexp.MustCompile(`(?m)^ *tls .*\n`).ReplaceAllLiteralString(text, "")
		text = regexp.MustCompile(`"high-street-room-3", password: "[^"]*"`).ReplaceAllLiteralString(text,
			`"fleet", password: "`+secret+`"`)
		text = regexp.MustCompile(`"dashboard", password: "[^"]*"`).ReplaceAllLiteralString(text,
			`"dashboard", password: "`+secret+`"`)
		text = strings.NewReplacer(`"nats-1"`, fmt.Sprintf(`"nats-%d"`, i+1), "127.0.0.1:4222", "127.0.0.1:"+ports[i][0],
			"0.0.0.0:6222", "127.0.0.1:"+ports[i][1], "0.0.0.0:8883", "127.0.0.1:"+ports[i][2],
			"/var/lib/nats", dir, "high-street.room-3.>", ">").Replace(text)
		c.nodes[i] = &node{file: filepath.Join(dir, "nats.conf"), port: ports[i][2]}
		if err := os.WriteFile(c.nodes[i].file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c.start(i)
		t.Cleanup(func() { c.kill(i) })
	}
	return c
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func (c *cluster) start(i int) {
	c.t.Helper()
	n := c.nodes[i]
	n.cmd, n.log, n.done = exec.Command(c.program, "-c", n.file), &bytes.Buffer{}, make(chan struct{})
	n.cmd.Stdout, n.cmd.Stderr = n.log, n.log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, done chan struct{}) { defer close(done); cmd.Wait() }(n.cmd, n.done)
}

// kill ends a node as a power cut would.
func (c *cluster) kill(i int) {
	if n := c.nodes[i]; n.cmd != nil {
		n.cmd.Process.Kill()
		<-n.done
		n.cmd = nil
	}
}

// dial connects to one of the nodes that are up, as a name with three addresses does.
func (c *cluster) dial(ctx context.Context) (conn net.Conn, err error) {
	first := rand.IntN(len(c.nodes))
	for i := range c.nodes {
		conn, err = new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:"+c.nodes[(first+i)%len(c.nodes)].port)
		if err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// name is an address that leads to one of the nodes, for a client that dials itself.
func (c *cluster) name() string {
	c.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		c.t.Fatal(err)
	}
	var open sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	c.t.Cleanup(func() { cancel(); l.Close(); open.Wait() })
	open.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() { c.join(ctx, in) })
		}
	})
	return "mqtt://" + l.Addr().String()
}

func (c *cluster) join(ctx context.Context, in net.Conn) {
	defer in.Close()
	out, err := c.dial(ctx)
	if err != nil {
		return
	}
	defer out.Close()
	defer context.AfterFunc(ctx, func() { in.Close(); out.Close() })()
	go func() {
		defer out.Close()
		_, _ = io.Copy(out, in)
	}()
	_, _ = io.Copy(in, out)
}

// Each node of three is killed in turn under the load of a fleet, which moves to the others, and is
// started again. In the end the dashboard shows the truth, and no event is lost unnoticed.
func TestOneNATSNodeOfThreeIsKilled(t *testing.T) {
	rooms, rounds, speed := 12, 1, 400.0
	if os.Getenv("TACET_SOAK") != "" {
		rooms, rounds, speed = 200, 12, 40
	}
	c := startCluster(t)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	f, err := New(Options{Rooms: rooms, Sites: 4, Seed: seed, Speed: speed, Calm: true, Ramp: 50,
		Broker: "mqtt://nats.lan",
		Account: func(string, string) (string, func() (mqtt.Credentials, error)) {
			return "fleet", func() (mqtt.Credentials, error) { return mqtt.Credentials{Password: secret}, nil }
		},
		Dial: func(ctx context.Context, _, _, _ string) (net.Conn, error) { return c.dial(ctx) }})
	if err != nil {
		t.Fatal(err)
	}
	d, err := dashboard.Open(t.Context(), dashboard.Options{Known: known(f), Dir: t.TempDir(),
		Brokers: []dashboard.Broker{{URL: c.name(), Username: "dashboard",
			Credentials: func() (mqtt.Credentials, error) { return mqtt.Credentials{Password: secret}, nil }}}})
	if err != nil {
		t.Fatal(err)
	}
	watch(t, d)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%+v", d.Status().Links)
			for _, n := range c.nodes {
				t.Logf("%.4000s", n.log)
			}
		}
	})
	await(t, "the dashboard", patience, func() bool { return d.Status().Links[0].Complete })
	live(t, f)
	connected := func() bool { return f.Counts().Connected == rooms && d.Status().Links[0].Up }
	await(t, "the cluster", patience, connected)
	for i := range rounds {
		events := f.Counts().Events
		await(t, "traffic", patience+night(speed), func() bool { return f.Counts().Events > events+uint64(rooms) })
		c.kill(i % len(c.nodes))
		events = f.Counts().Events
		await(t, "the two that are left", patience+night(speed),
			func() bool { return connected() && f.Counts().Events > events+uint64(rooms) })
		c.start(i % len(c.nodes))
	}
	f.Pause()
	agree(t, d, f)
	t.Logf("%d events, %d missed", f.Counts().Events, missed(d))
}
