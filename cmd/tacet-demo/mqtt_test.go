package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"tacet/cmd/tacet-demo/broker"
	"tacet/cmd/tacet-demo/demotest"
)

// mqttMessage is an MQTT message.
type mqttMessage struct{ topic, payload string }

// subscribe subscribes to everything at a broker, as anybody on this machine can.
func subscribe(t *testing.T, url string) <-chan mqttMessage {
	t.Helper()
	all := make(chan mqttMessage, 1000)
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(strings.Replace(url, "mqtt:", "tcp:", 1)).SetClientID("reader"))
	t.Cleanup(func() { c.Disconnect(0) })
	for _, step := range []func() mqtt.Token{c.Connect, func() mqtt.Token {
		return c.Subscribe("#", 1, func(_ mqtt.Client, m mqtt.Message) { all <- mqttMessage{m.Topic(), string(m.Payload())} })
	}} {
		if token := step(); !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatalf("listen to %s: %v", url, token.Error())
		}
	}
	return all
}

// await reads messages until one of the unit's on this topic contains a text.
func await(t *testing.T, all <-chan mqttMessage, name, text string) {
	t.Helper()
	var last []mqttMessage
	for late := time.After(patience); ; {
		select {
		case h := <-all:
			if strings.HasSuffix(h.topic, "/"+name) && strings.Contains(h.payload, text) {
				return
			}
			last = append(last, h)
		case <-late:
			t.Fatalf("no %s with %s in %v", name, text, last)
		}
	}
}

// sockets returns the inodes of a process's sockets.
func sockets(t *testing.T, pid int) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(links) == 0 {
		t.Fatalf("the files of %d: %v, %v", pid, links, err)
	}
	for _, link := range links {
		to, _ := os.Readlink(link)
		if inode, ok := strings.CutPrefix(to, "socket:["); ok {
			found[strings.TrimSuffix(inode, "]")] = true
		}
	}
	return found
}

// listeners are the addresses at which the demo and its unit can be reached from elsewhere: TCP
// sockets that listen, and all of UDP's.
func (d *running) listeners() (at []string) {
	d.t.Helper()
	own := sockets(d.t, d.cmd.Process.Pid)
	units := children(d.t, d.cmd.Process.Pid)
	if len(units) != 1 {
		d.t.Fatalf("its children are %v", units)
	}
	for inode := range sockets(d.t, units[0]) {
		own[inode] = true
	}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile("/proc/net/" + table)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			d.t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n")[1:] {
			const listens = "0A"
			f := strings.Fields(line)
			if len(f) > 9 && own[f[9]] && (f[3] == listens || strings.HasPrefix(table, "udp")) {
				at = append(at, table+" "+address(d.t, f[1]))
			}
		}
	}
	slices.Sort(at)
	return at
}

// address decodes an address in the kernel's tables: words of four bytes in this machine's order,
// and the port.
func address(t *testing.T, text string) string {
	t.Helper()
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	if err != nil {
		t.Fatal(err)
	}
	for word := range slices.Chunk(raw, 4) {
		slices.Reverse(word)
	}
	ip, _ := netip.AddrFromSlice(raw)
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		t.Fatal(err)
	}
	return netip.AddrPortFrom(ip, uint16(number)).String()
}

// A unit without a broker uses the demo's own, which only this machine can reach.
func TestTheDemosOwnBroker(t *testing.T) {
	d := start(t, "-mic", "voice", "-dir", t.TempDir())
	all := subscribe(t, d.broker)
	await(t, all, "availability", "online")
	want := []string{"tcp " + strings.TrimPrefix(d.broker, "mqtt://"), "tcp " + strings.TrimPrefix(d.URL, "http://")}
	slices.Sort(want)
	if got := d.listeners(); !slices.Equal(got, want) {
		t.Errorf("it listens at %v, want %v", got, want)
	}
	for _, at := range want {
		if !strings.HasPrefix(at, "tcp 127.0.0.1:") {
			t.Errorf("%s is not on the loopback", at)
		}
	}
	d.Until("readiness", ready)
	d.consent()
	await(t, all, "event", `"event_type":"started"`)
	d.Post("/panel/power-cut")
	await(t, all, "availability", "offline")
	await(t, all, "availability", "online")
	d.Until("readiness", demotest.Phase("idle"))
}

// A consent that is withdrawn at once is not published: up to the next recording the messages show
// only the free space, and then that it records.
func TestAConsentWithdrawnAtOnceIsNotPublished(t *testing.T) {
	d := start(t, "-mic", "voice", "-dir", t.TempDir())
	all := subscribe(t, d.broker)
	await(t, all, "ledger", "") // the last of what comes with the start
	await(t, all, "probe", "")  // and then the broker is asked what it drops:
	await(t, all, "config", "")
	d.Until("readiness", ready)
	for range 10 {
		d.Insist("patient", "one consent", demotest.Phase("waiting"))
		d.Press("clinician")
		d.Until("the light", demotest.Light("on"))
		d.Press("patient")
		d.Until("the end", demotest.Phase("idle"))
		d.consent()
		var states []string
		others, started := 0, 0
		for _, h := range until(t, all, `"event_type":"started"`) {
			switch name := h.topic[strings.LastIndex(h.topic, "/")+1:]; name {
			case "heartbeat", "availability":
			case "state":
				states = append(states, unmoved(t, h.payload))
			case "event":
				started++
			default:
				others++
			}
		}
		states = slices.Compact(states)
		if n := len(states); n > 0 && strings.Contains(states[n-1], "phase:recording") {
			states = states[:n-1]
		}
		if len(states) <= 1 && others == 0 && started == 1 {
			d.Press("patient") // an end is published for what was published as started, even if it has no sample
			until(t, all, `"event_type":"ended"`)
			return
		}
		t.Logf("%d events, %d others, states %v", started, others, states)
		d.Press("patient")
		d.Until("the end", demotest.Phase("idle"))
	}
	t.Error("it was published each time")
}

// unmoved is a state without the values that always change.
func unmoved(t *testing.T, payload string) string {
	t.Helper()
	var state map[string]any
	if err := json.Unmarshal([]byte(payload), &state); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"seq", "time", "since", "spool_free_h"} {
		delete(state, key)
	}
	return fmt.Sprint(state)
}

// until collects messages up to the first one that contains a text.
func until(t *testing.T, all <-chan mqttMessage, text string) (collected []mqttMessage) {
	t.Helper()
	for late := time.After(patience); ; {
		select {
		case h := <-all:
			if collected = append(collected, h); strings.Contains(h.payload, text) {
				return collected
			}
		case <-late:
			t.Fatalf("nothing with %s in %v", text, collected)
		}
	}
}

// A config's broker is the only one, and its messages are not shown.
func TestAConfigsOwnBroker(t *testing.T) {
	theirs, err := broker.Start(func(string, []byte, bool) {})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	path, _ := configFor(t, fmt.Sprintf("[mqtt]\nbroker = %q\nhomeassistant = \"\"\n", theirs.URL()))
	all := subscribe(t, theirs.URL())
	d := start(t, "-mic", "voice", "-dir", t.TempDir(), "-config", path)
	await(t, all, "availability", "online")
	if d.broker != theirs.URL() {
		t.Errorf("it prints the broker %s", d.broker)
	}
	if got, want := d.listeners(), []string{"tcp " + strings.TrimPrefix(d.URL, "http://")}; !slices.Equal(got, want) {
		t.Errorf("it listens at %v, want %v", got, want)
	}
	var live struct {
		Heard bool
		Card  struct{ Broker string }
	}
	if err := json.Unmarshal([]byte(d.First()), &live); err != nil || live.Heard || live.Card.Broker != theirs.URL() {
		t.Errorf("the page shows %+v of the broker (%v)", live, err)
	}
}

// A config without [mqtt] uses the demo's own broker.
func TestAConfigWithoutABroker(t *testing.T) {
	path, _ := configFor(t, "")
	d := start(t, "-mic", "voice", "-dir", t.TempDir(), "-config", path)
	await(t, subscribe(t, d.broker), "availability", "online")
	if n := len(d.listeners()); n != 2 {
		t.Errorf("it listens at %d addresses", n)
	}
}

const (
	pane    = `document.querySelector("#passing")`
	unheard = pane + `.hidden`
)

// row finds a message on the page.
func row(topic, text string) string {
	return fmt.Sprintf(`[...document.querySelectorAll("#messages li")].find(li => li.querySelector(".topic").textContent.endsWith(%q) && li.textContent.includes(%q))`, topic, text)
}

// newest finds the topmost message of a topic.
func newest(topic string) string { return row(topic, "") }

// The page shows what the unit publishes.
func TestMessagesAreSeenInABrowser(t *testing.T) {
	d := start(t, "-mic", "voice", "-dir", t.TempDir())
	b := d.browse()
	b.until(title + ` === "Not recording" && ` + row("/availability", "online"))
	d.Until("readiness", ready)
	if hint := get[string](b, `document.querySelector("#wires-hint").textContent`); !strings.Contains(hint,
		"mosquitto_sub -h 127.0.0.1 -p "+d.broker[strings.LastIndex(d.broker, ":")+1:]) {
		t.Errorf("the command to subscribe is %q", hint)
	}
	b.do(push("patient"))
	b.until(title + ` === "Waiting for the clinician"`)
	b.do(push("clinician"))
	b.until(row("/state", `"phase":"recording"`) + `?.querySelector(".retained")`)
	b.until(row("/event", `"event_type":"started"`))
	if get[bool](b, row("/event", `"event_type":"started"`)+`.querySelector(".retained") !== null`) {
		t.Error("an event is shown as retained")
	}
	b.do(act("Cut the power"))
	b.until(row("/availability", "offline") + `?.querySelector(".retained")`)
	b.until(title + ` === "Not recording"`)
	b.until(row("/availability", "online") + ` === ` + newest("/availability"))

	// Anybody on this machine can publish, but only text is shown.
	const most, hostile = 100, `<img src=x onerror=document.title=1><b>`
	c := publish(t, d.broker)
	for i := range most {
		c("a/flood", fmt.Sprint(i))
	}
	c("a/<i>topic", hostile)
	b.until(row("a/<i>topic", hostile))
	if n := get[int](b, `document.querySelectorAll("#messages li").length`); n != most {
		t.Errorf("%d messages are shown", n)
	}
	if get[bool](b, pane+`.querySelector("img, b, i") !== null || document.title === "1"`) {
		t.Error("a message became a part of the page")
	}
	c("a/long", strings.Repeat("long ", 1000))
	b.until(row("a/long", "5,000 bytes") + `?.querySelector("details:not([open])")`)
	if live := get[string](b, pane+`.getAttribute("aria-live")`); live != "off" {
		t.Errorf("a screen reader reads out every message: aria-live is %s", live)
	}
}

// publish returns a function that sends one message at a time.
func publish(t *testing.T, url string) func(topic, payload string) {
	t.Helper()
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker(strings.Replace(url, "mqtt:", "tcp:",
		1)).SetClientID("stranger"))
	done := func(token mqtt.Token) {
		t.Helper()
		if !token.WaitTimeout(patience) || token.Error() != nil {
			t.Fatalf("talk to %s: %v", url, token.Error())
		}
	}
	done(c.Connect())
	t.Cleanup(func() { c.Disconnect(0) })
	return func(topic, payload string) { t.Helper(); done(c.Publish(topic, 1, false, payload)) }
}

// A config with a door and a broker, but without a sense line.
func TestDoorAndSenseLineInABrowser(t *testing.T) {
	theirs, err := broker.Start(func(string, []byte, bool) {})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	path, _ := configFor(t, fmt.Sprintf("[mqtt]\nbroker = %q\n", theirs.URL()))
	d := start(t, "-mic", "voice", "-dir", t.TempDir(), "-config", path)
	b := d.browse()
	words := func(id string) string { return fmt.Sprintf(`document.querySelector(%q).textContent`, "#"+id) }
	b.until(words("door-words") + ` === "The door is shut." && ` + words("sense-words") +
		`.startsWith("There is no sense line")`)
	b.until(unheard + ` && ` + words("wires-hint") + `.endsWith(` + strconv.Quote(theirs.URL()) + `)`)
	d.Until("readiness", demotest.Phase("idle"))
	d.Post("/panel/press?party=room")
	d.Until("the recording", demotest.Phase("recording"))
	b.do(act("Open the door"))
	b.until(words("door-words") + ` === "The door is open."`)
	d.Until("the end", demotest.Phase("idle"))
	b.do(act("Shut the door"))
	b.until(words("door-words") + ` === "The door is shut."`)
	b.axe()
	b.audit("with a door")
}
