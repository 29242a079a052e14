package mqtt

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// freePort returns a port that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// command finds a program that the tests need; .ci/install installs it.
func command(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if program, err := exec.LookPath(name); err == nil {
			return program
		}
	}
	t.Fatalf("%s is missing: run .ci/install test", names[0])
	return ""
}

// serve runs a server until the test ends. It returns when the server listens.
func serve(t *testing.T, port string, cmd *exec.Cmd) {
	t.Helper()
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); cmd.Wait() }()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-done
	})
	for late := time.After(90 * time.Second); ; {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-done:
			t.Fatalf("%s ended: %s", cmd.Path, log.String())
		case <-late:
			t.Fatalf("%s does not start: %v", cmd.Path, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// nats is a NATS server with a user who may publish and subscribe under the room's topics only.
func nats(t *testing.T) Options {
	program := command(t, filepath.Join(os.Getenv("TACET_TOOLS"), "nats-server"), "../../bin/tools/nats-server")
	port, dir := freePort(t), t.TempDir()
	file := filepath.Join(dir, "nats.conf")
	config := `server_name: "tacet"
listen: "127.0.0.1:` + freePort(t) + `"
jetstream { store_dir: "` + dir + `" }
mqtt { listen: "127.0.0.1:` + port + `" }
authorization { users: [ { user: "room-3", password: "right", permissions: {
	publish: ["tacet.high-street.room-3.>"], subscribe: ["tacet.high-street.room-3.>"] } } ] }
`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	serve(t, port, exec.Command(program, "-c", file))
	return withPassword(options("127.0.0.1:" + port))
}

func withPassword(o Options) Options {
	o.Username, o.Credentials = "room-3", fixed(Credentials{Password: "right"})
	return o
}

// rabbit is Debian's RabbitMQ with a user who may read and write under the room's topics only.
func rabbit(t *testing.T) Options {
	home := "/usr/lib/rabbitmq/bin"
	program := command(t, home+"/rabbitmq-server")
	port, dist, epmd, dir := freePort(t), freePort(t), freePort(t), t.TempDir()
	put := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	salt := []byte("salt")
	sum := sha256.Sum256(append(bytes.Clone(salt), "right"...))
	type m map[string]any
	room := `^tacet\.high-street\.room-3\..*`
	definitions, err := json.Marshal(m{
		"users": []m{{"name": "room-3",
			"password_hash":     base64.StdEncoding.EncodeToString(append(salt, sum[:]...)),
			"hashing_algorithm": "rabbit_password_hashing_sha256", "tags": ""}},
		"vhosts": []m{{"name": "/"}},
		"permissions": []m{{"user": "room-3", "vhost": "/", "configure": "^mqtt-", "write": "^(mqtt-.*|amq[.]topic)$",
			"read": "^(mqtt-.*|amq[.]topic)$"}},
		"topic_permissions": []m{{"user": "room-3", "vhost": "/", "exchange": "amq.topic", "write": room, "read": room}},
	})
	if err != nil {
		t.Fatal(err)
	}
	settings := []string{
		"listeners.tcp = none", "mqtt.listeners.tcp.1 = 127.0.0.1:" + port, "mqtt.allow_anonymous = false",
		"log.console = true",
		"load_definitions = " + put("definitions.json", string(definitions)),
	}
	serve(t, epmd, exec.Command(command(t, "epmd"), "-port", epmd, "-address", "127.0.0.1"))
	cmd := exec.Command(program)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8", "ERL_EPMD_PORT=" + epmd,
		"RABBITMQ_CONF_ENV_FILE=" + put("env.conf", ""),
		"RABBITMQ_CONFIG_FILE=" + put("rabbitmq.conf", strings.Join(settings, "\n")+"\n"),
		"RABBITMQ_NODENAME=tacet@localhost", "RABBITMQ_DIST_PORT=" + dist, "RABBITMQ_MNESIA_BASE=" + dir,
		"RABBITMQ_LOG_BASE=" + dir,
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + put("plugins", "[rabbitmq_mqtt]."),
	}
	serve(t, port, cmd)
	o := withPassword(options("127.0.0.1:" + port))
	knows(t, port, "room-3", "right")
	return o
}

// knows returns when the server accepts the user. RabbitMQ listens a moment before it knows any.
func knows(t *testing.T, port, user, password string) {
	t.Helper()
	for late := time.After(90 * time.Second); ; {
		if accepted("127.0.0.1:"+port, user, password) {
			return
		}
		select {
		case <-late:
			t.Fatalf("the server on port %s does not accept %s", port, user)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// accepted tries one CONNECT.
func accepted(address, user, password string) bool {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	c := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
	c.ProtocolName, c.ProtocolVersion, c.CleanSession = "MQTT", 4, true
	c.ClientIdentifier = "tacet-high-street-room-3"
	c.UsernameFlag, c.Username, c.PasswordFlag, c.Password = true, user, true, []byte(password)
	if err := c.Write(conn); err != nil {
		return false
	}
	p, err := packets.ReadPacket(conn)
	answer, ok := p.(*packets.ConnackPacket)
	if err != nil || !ok || answer.ReturnCode != packets.Accepted {
		return false
	}
	return packets.NewControlPacket(packets.Disconnect).Write(conn) == nil
}
