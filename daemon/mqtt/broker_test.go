package mqtt

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"tacet/daemon/topic"
)

// The tests in this file use a real Mosquitto.

// right waits until the broker has retained the present state.
func right(t *testing.T, address string, phase topic.Phase) {
	t.Helper()
	w := watch(t, address)
	w.awaitAny(t, "state "+string(phase), func(m heard) bool {
		var s topic.State
		return m.topic == names.State() && json.Unmarshal([]byte(m.payload), &s) == nil && s.Phase == phase
	})
	w.awaitAny(t, "online", func(m heard) bool { return m.topic == names.Availability() && m.payload == topic.Online })
	kept := retained(t, address)
	if kept[names.Availability()] != topic.Online {
		t.Errorf("availability is kept as %q", kept[names.Availability()])
	}
	var s topic.State
	if err := json.Unmarshal([]byte(kept[names.State()]), &s); err != nil || s.Phase != phase {
		t.Errorf("state is kept as %q", kept[names.State()])
	}
	if !strings.Contains(kept[names.Discovery()], `"components"`) {
		t.Errorf("discovery is kept as %q", kept[names.Discovery()])
	}
}

// Guards against the most common complaint about similar programs: after a restart of the broker
// the status is stale or missing.
func TestBrokerThatForgotEverythingIsRightAgain(t *testing.T) {
	m := installed(t).start(t)
	u := launch(t, options(m.address()), nil)
	u.awaitConnected(t)
	right(t, m.address(), topic.Idle)
	u.Alerts(map[string]string{"spool-low": "Room for an hour."})

	m.kill()
	u.awaitTrouble(t, "broker")
	if u.Connected() {
		t.Error("says that it is connected, to a broker that is dead")
	}
	// Of what happens meanwhile, only the latest is published afterwards.
	u.Publish(in(topic.Recording))
	u.Publish(in(topic.Fault))
	m.start(t)
	right(t, m.address(), topic.Fault)
	if got := retained(t, m.address())[names.Alert("spool-low")]; got != "Room for an hour." {
		t.Errorf("alert after the restart: %q", got)
	}
}

func TestBrokerThatIsAbsentAtBootIsFound(t *testing.T) {
	m := installed(t)
	u := launch(t, options(m.address()), nil)
	if tr := u.awaitTrouble(t, "nothing listens"); tr.Do == "" || tr.Code != Unreached {
		t.Errorf("reported as %s with the advice %q", tr.Code, tr.Do)
	}
	m.start(t)
	right(t, m.address(), topic.Idle)
}

func TestFirstStateIsNeverALeftover(t *testing.T) {
	m := installed(t).start(t)
	old := watch(t, m.address())
	old.say(t, names.State(), `{"v":1,"boot":"before","phase":"recording"}`, true)
	old.say(t, names.Alert("mic-missing"), "from before", true)

	// It publishes nothing before the first state.
	u := launch(t, options(m.address()), func(c *Client) { c.Alerts(nil) })
	later := watch(t, m.address())
	u.Publish(idle())
	u.awaitConnected(t)
	right(t, m.address(), topic.Idle)
	ours := false
	for _, h := range later.all() {
		ours = ours || h.topic == names.State() && strings.Contains(h.payload, u.o.Boot)
		if h.topic == names.Availability() && !ours {
			t.Error("the unit was online with another boot's state")
		}
	}
	if left, there := retained(t, m.address())[names.Alert("mic-missing")]; there {
		t.Errorf("an alert is left over: %q", left)
	}
}

func TestCleanStopSaysOffline(t *testing.T) {
	m := installed(t).start(t)
	u := launch(t, options(m.address()), nil)
	u.awaitConnected(t)
	w := watch(t, m.address())
	for i := range 20 {
		u.Event(topic.Event{Type: topic.Started, Recording: fmt.Sprint("r", i)})
	}
	u.Publish(in(topic.Fault))
	u.stop()
	all := w.await(t, "offline", func(all []heard) bool {
		return len(all) > 0 && all[len(all)-1] == heard{names.Availability(), topic.Offline, false}
	})
	events, last := 0, topic.State{}
	for _, h := range all {
		switch h.topic {
		case names.Event():
			if !strings.Contains(h.payload, fmt.Sprintf(`"recording":"r%d"`, events)) {
				t.Errorf("event %d is %s", events, h.payload)
			}
			events++
		case names.State():
			if err := json.Unmarshal([]byte(h.payload), &last); err != nil {
				t.Error(err)
			}
		}
	}
	if events != 20 || last.Phase != topic.Fault {
		t.Errorf("the stop swallowed something: %d events of 20, state %q", events, last.Phase)
	}
	if got := retained(t, m.address())[names.Availability()]; got != topic.Offline {
		t.Errorf("availability is kept as %q", got)
	}
	// The last will must not follow.
	n := 0
	for _, h := range w.all() {
		if h.topic == names.Availability() && h.payload == topic.Offline {
			n++
		}
	}
	if n != 1 {
		t.Errorf("offline was published %d times", n)
	}
}

// unitProcess is the broker's address in a process that acts as a unit and is killed.
const unitProcess = "TACET_TEST_UNIT_AT"

func TestMain(m *testing.M) {
	if address := os.Getenv(unitProcess); address != "" {
		c, err := New(options(address))
		if err != nil {
			log.Fatal(err)
		}
		c.Publish(in(topic.Recording))
		c.Run(context.Background())
	}
	os.Exit(m.Run())
}

func TestLastWillAfterAKill(t *testing.T) {
	m := installed(t).start(t)
	w := watch(t, m.address())
	unit := exec.Command(os.Args[0])
	unit.Env = append(os.Environ(), unitProcess+"="+m.address())
	if err := unit.Start(); err != nil {
		t.Fatal(err)
	}
	w.awaitAny(t, "online", func(h heard) bool { return h.topic == names.Availability() && h.payload == topic.Online })
	unit.Process.Kill()
	unit.Wait()
	w.awaitAny(t, "the last will", func(h heard) bool { return h == heard{names.Availability(), topic.Offline, false} })
	if got := retained(t, m.address())[names.Availability()]; got != topic.Offline {
		t.Errorf("availability is kept as %q", got)
	}
	// The next start is right at once, whatever the killed process left.
	u := launch(t, options(m.address()), nil)
	u.awaitConnected(t)
	right(t, m.address(), topic.Idle)
}

// Brokers publish the last will of a connection whose client identifier is taken over. In the end
// the unit is online.
func TestComesBackWhenItsNameIsTaken(t *testing.T) {
	m := installed(t).start(t)
	u := launch(t, options(m.address()), nil)
	u.awaitConnected(t)
	w := watch(t, m.address())
	ctx, cancel := newContext()
	defer cancel()
	thief, err := open(ctx, u.broker, identity{clientID: names.ClientID()}, quick)
	if err != nil {
		t.Fatal(err)
	}
	defer thief.drop()
	w.await(t, "online after offline", func(all []heard) bool {
		gone := false
		for _, h := range all {
			gone = gone || h.topic == names.Availability() && h.payload == topic.Offline
			if gone && h.topic == names.Availability() && h.payload == topic.Online {
				return true
			}
		}
		return false
	})
}

func TestHeartbeatAndOnlineGoOn(t *testing.T) {
	m := installed(t).start(t)
	o := options(m.address())
	o.Heartbeat = 50 * time.Millisecond
	u := launch(t, o, nil)
	u.awaitConnected(t)
	w := watch(t, m.address())
	// Another client overwrites the retained message; the next heartbeat corrects it.
	w.say(t, names.Availability(), topic.Offline, true)
	w.await(t, "three heartbeats and online", func(all []heard) bool {
		beats, online := 0, false
		for _, h := range all {
			if h.topic == names.Heartbeat() {
				if _, err := time.Parse(time.RFC3339, h.payload); err != nil {
					t.Fatalf("heartbeat %q", h.payload)
				}
				beats++
			}
			online = h.topic == names.Availability() && h.payload == topic.Online || online && h.topic != names.Availability()
		}
		return beats >= 3 && online
	})
}

func TestEventsKeepTheirOrderOverRestarts(t *testing.T) {
	m := installed(t).start(t)
	u := launch(t, options(m.address()), nil)
	u.awaitConnected(t)
	var got []string
	seen := make(map[string]bool)
	n, every := 0, 40
	for range 4 {
		w := watch(t, m.address())
		for range every {
			n++
			u.Event(topic.Event{Type: topic.Started, Recording: fmt.Sprint("r", n)})
		}
		want := fmt.Sprintf(`"recording":"r%d"`, n)
		w.awaitAny(t, "event "+want, func(h heard) bool {
			return h.topic == names.Event() &&
				strings.Contains(h.payload, want)
		})
		for _, h := range w.all() {
			var e topic.Event
			if h.topic == names.Event() && json.Unmarshal([]byte(h.payload), &e) == nil && !seen[e.ID] {
				seen[e.ID] = true
				got = append(got, e.Recording)
			}
		}
		m.kill()
		u.awaitTrouble(t, "")
		// These wait for the next broker.
		for range 5 {
			n++
			u.Event(topic.Event{Type: topic.Started, Recording: fmt.Sprint("r", n)})
		}
		m.start(t)
	}
	u.stop()
	// Events sent before the watcher subscribed are missing from got; the rest is in order.
	last := 0
	for _, r := range got {
		var i int
		fmt.Sscanf(r, "r%d", &i)
		if i <= last {
			t.Fatalf("%s after r%d", r, last)
		}
		last = i
	}
	if len(got) < 4*every {
		t.Errorf("%d events arrived, want at least %d", len(got), 4*every)
	}
}

func TestWrongPasswordIsToldAndTriedAgain(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/passwords"
	passwords(t, file, "room-3", "right", "watcher", "w")
	m := installed(t, "allow_anonymous false", "password_file "+file).start(t)
	o := options(m.address())
	o.Username, o.Credentials = "room-3", fixed(Credentials{Password: "wrong"})
	u := launch(t, o, nil)
	tr := u.awaitTrouble(t, "refused the user name or the password")
	if !strings.Contains(tr.Do, "password_file") || tr.Code != Denied {
		t.Errorf("reported as %s with the advice %q", tr.Code, tr.Do)
	}
	if log := strings.Join(u.logs.all(), "\n"); strings.Contains(log, "wrong") {
		t.Errorf("the log holds the password: %s", log)
	}
	m.kill()
	passwords(t, file, "room-3", "wrong", "watcher", "w")
	m.start(t)
	u.awaitConnected(t)
	u.stop()

	// The line break at the end of the file isn't part of the password.
	o.Credentials = fixed(Credentials{Password: "wrong\n"})
	launch(t, o, nil).awaitConnected(t)
	watch(t, m.address(), func(o *mqtt.ClientOptions) { o.SetUsername("watcher").SetPassword("w") })
}

func TestProbe(t *testing.T) {
	m := installed(t).start(t)
	u := launch(t, options(m.address()), nil)
	u.awaitConnected(t)
	w := watch(t, m.address())
	ctx, cancel := newContext()
	defer cancel()
	if limits, err := Probe(ctx, options(m.address()), true); err != nil || limits != "" {
		t.Error(limits, err)
	}
	u.stop()
	w.awaitAny(t, "offline", func(h heard) bool { return h.topic == names.Availability() && h.payload == topic.Offline })
	if all := u.reports.all(); len(all) != 2 {
		t.Errorf("the probe disturbed the unit: %v", all)
	}
	m.kill()
	if _, err := Probe(ctx, options(m.address()), false); err == nil || !strings.Contains(err.Error(), "nothing listens") {
		t.Errorf("probe of a dead broker: %v", err)
	}
}
