package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/fleet"
	"tacet/daemon/recording"
	"tacet/daemon/topic"
	"tacet/systemd/needs"
)

// mosquitto starts a real broker on which office and unit have accounts, and returns its address.
// The office may read all rooms but room-8.
func mosquitto(t *testing.T) string {
	t.Helper()
	program, passwd := needs.Program(t, "mosquitto", "mosquitto"), needs.Program(t, "mosquitto_passwd", "mosquitto")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("passwords", "office:right\nunit:right\n")
	if out, err := exec.Command(passwd, "-U", in("passwords")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var acl strings.Builder
	acl.WriteString("user unit\ntopic readwrite tacet/#\nuser office\n")
	for room := range 8 {
		fmt.Fprintf(&acl, "topic read tacet/high-street/room-%d/state\n", room)
	}
	write("acl", acl.String())
	_, port, _ := net.SplitHostPort(address)
	write("conf", fmt.Sprintf("user root\npersistence false\nlistener %s 127.0.0.1\npassword_file %s\nacl_file %s\n", port,
		in("passwords"), in("acl")))
	cmd := exec.Command(program, "-c", in("conf"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return address
}

// unit connects to the broker as the units do, as soon as it is up.
func unit(t *testing.T, address string) mqtt.Client {
	t.Helper()
	o := mqtt.NewClientOptions().AddBroker("tcp://" + address).SetUsername("unit").SetPassword("right")
	o.SetConnectRetry(true).SetConnectRetryInterval(50 * time.Millisecond)
	c := mqtt.NewClient(o)
	if token := c.Connect(); !token.WaitTimeout(time.Minute) || token.Error() != nil {
		t.Fatalf("connect to mosquitto: %v", token.Error())
	}
	t.Cleanup(func() { c.Disconnect(0) })
	return c
}

// fleetFile is an office's fleet.toml, and runs tacet fleet add.
type fleetFile struct {
	t    *testing.T
	file string
}

func (o *fleetFile) add(answers string, args ...string) (stderr string, err error) {
	o.t.Helper()
	var out, errs bytes.Buffer
	env := &cli.Env{Name: "tacet", Ctx: context.Background(), Stdin: strings.NewReader(answers), Stdout: &out, Stderr: &errs}
	err = fleetRun(env, append([]string{"add", "-fleet", o.file}, args...))
	return errs.String(), err
}

func (o *fleetFile) key(room string) string {
	o.t.Helper()
	f, err := fleet.Read(o.file)
	if err != nil {
		o.t.Fatal(err)
	}
	return f.Room("high-street", room).Key
}

// The office reads the keys that units publish at a real broker, and a person confirms each. Keys
// that are not confirmed, or not the room's own, are not added.
func TestKeysFromTheBroker(t *testing.T) {
	address := mosquitto(t)
	client := unit(t, address)
	o := &fleetFile{t, filepath.Join(t.TempDir(), "fleet.toml")}
	f, keys := &fleet.Fleet{}, map[string]string{}
	for _, room := range []string{"room-3", "room-4", "room-5", "room-6", "room-8"} {
		f.Add("high-street", room)
		_, key, err := recording.NewUnitKey("high-street", room)
		if err != nil {
			t.Fatal(err)
		}
		keys[room] = key
	}
	f.Room("high-street", "room-6").Gone = true
	f.Room("high-street", "room-8").Gone = true
	if err := f.Write(o.file); err != nil {
		t.Fatal(err)
	}
	publish := func(room, key string) {
		t.Helper()
		state, err := topic.State{Boot: "boot", UnitKey: key}.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		name := topic.Names{Site: "high-street", Room: room}.State()
		if token := client.Publish(name, 1, true, state); !token.WaitTimeout(time.Minute) || token.Error() != nil {
			t.Fatal(token.Error())
		}
	}
	for _, room := range []string{"room-3", "room-4", "room-8"} {
		publish(room, keys[room])
	}
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("right\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	login := []string{"-broker", "mqtt://" + address, "-username", "office", "-password-file", password}

	if _, err := o.add("room-4\n", append(login, "-room", "high-street/room-3")...); err == nil || o.key("room-3") != "" {
		t.Errorf("a key that was not confirmed: %v", err)
	}
	stderr, err := o.add("room-3\nroom-4\n", login...)
	if err != nil || o.key("room-3") != keys["room-3"] || o.key("room-4") != keys["room-4"] || o.key("room-5") != "" {
		t.Errorf("%v\n%s", err, stderr)
	}
	for _, want := range []string{keys["room-3"], "this key came over MQTT", "high-street/room-5 publishes nothing"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("it doesn't say %q:\n%s", want, stderr)
		}
	}
	if strings.Contains(stderr, "room-6") {
		t.Errorf("it asks for a room that is gone:\n%s", stderr)
	}

	publish("room-5", keys["room-4"]) // an impostor, or two units with one config
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"another room's key": {append(login, "-room", "high-street/room-5"),
			"on tacet/high-street/room-5/state the key of high-street/room-4 is published"},
		"may not read it": {append(login, "-room", "high-street/room-8"), "tacet/high-street/room-8/state"},
		"no such room":    {append(login, "-room", "high-street/room-7"), "is not in the fleet"},
		"no room":         {append(login, "-room", "room-3"), "is not a site and a room"},
		"nothing there":   {append(login, "-room", "high-street/room-6"), "nothing is published on"},
		"no password": {[]string{"-broker", "mqtt://" + address, "-username", "office"},
			"read the units' keys from the broker"},
		"in the address": {[]string{"-broker", "mqtt://office:right@" + address}, "holds a user name"},
		"no broker":      {[]string{"-room", "high-street/room-3"}, "go with -broker"},
		"both":           {append(login, "state.json"), "exclude each other"},
	} {
		stderr, err := o.add("room-5\nroom-8\n", c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q\n%s", name, err, c.want, stderr)
		}
		if err != nil && strings.Contains(err.Error(), "right@") {
			t.Errorf("%s: the error repeats the password: %v", name, err)
		}
	}
	if o.key("room-5") != "" || o.key("room-8") != "" {
		t.Error("a key was added that must not be")
	}
}
