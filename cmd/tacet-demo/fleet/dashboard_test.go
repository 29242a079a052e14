package fleet

import (
	"context"
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"tacet/cmd/internal/dashboard"
	"tacet/cmd/internal/dashboard/broker"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/mqtt"
	"tacet/daemon/topic"
)

// known are the rooms of a fleet, as a dashboard knows them.
func known(f *Fleet) (all []practice.Known) {
	for _, s := range f.List().Sites {
		for _, r := range s.Rooms {
			all = append(all, practice.Known{ID: practice.RoomID{Site: s.ID, Room: r.ID}, Name: r.Name,
				Recipients: r.Recipients, Key: r.Key})
		}
	}
	return all
}

// watch runs a dashboard until stop.
func watch(t *testing.T, d *dashboard.Dashboard) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := errors.Join(<-ended, d.Close()); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// live runs a fleet until the test ends.
func live(t *testing.T, f *Fleet) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// await waits for something that is true of fleet and dashboard.
func await(t *testing.T, what string, within time.Duration, ok func() bool) {
	t.Helper()
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	for late := time.After(within); !ok(); {
		select {
		case <-look.C:
		case <-late:
			t.Fatalf("%s: not within %v", what, within)
		}
	}
}

// night is how long nothing starts, at a fleet's speed.
func night(speed float64) time.Duration {
	return time.Duration(float64(day-dayEnds+dayStarts) / speed)
}

// differences are the rooms of which the dashboard shows something else than the truth.
func differences(d *dashboard.Dashboard, f *Fleet) (all []string) {
	for _, truth := range f.Truth() {
		r, _ := d.Room(practice.RoomID{Site: truth.Site, Room: truth.Room})
		var alerts []string
		for _, a := range r.Alerts {
			alerts = append(alerts, string(a.Code))
		}
		slices.Sort(alerts)
		if r.Unit == nil || r.Unit.Boot != truth.Boot || r.Phase() != truth.Phase || !r.Online || r.Doubt != "" ||
			!slices.Equal(alerts, truth.Alerts) || r.Unit.Version != truth.Version {
			all = append(all, fmt.Sprintf("%+v is shown as %+v of %+v", truth, r, r.Unit))
		}
	}
	return all
}

// missed is how many events the dashboard knows that it has missed.
func missed(d *dashboard.Dashboard) (n int) {
	rooms, _ := d.Query(practice.Filter{})
	for _, r := range rooms {
		n += r.Missed
	}
	return n
}

// lost lists the events of the present starts that the dashboard neither has nor counts as missed,
// and whatever is out of order.
func lost(t *testing.T, d *dashboard.Dashboard, f *Fleet) (all []string) {
	t.Helper()
	for _, truth := range f.Truth() {
		id := practice.RoomID{Site: truth.Site, Room: truth.Room}
		entries, err := d.Timeline(t.Context(), id, time.Now().Add(-24*time.Hour), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		last, seen := map[string]int{}, map[string]bool{}
		gaps := 0
		for _, e := range entries {
			if e.Kind == practice.Missed {
				gaps += e.Count
			}
			boot, number, ok := strings.Cut(e.ID, "-")
			if !ok {
				continue
			}
			n := 0
			fmt.Sscan(number, &n)
			if n < last[boot] && e.Kind != practice.Found {
				all = append(all, fmt.Sprintf("%s: %s is out of order", id, e.ID))
			}
			last[boot], seen[e.ID] = n, true
		}
		var without []string
		for n := range truth.Events {
			if name := topic.EventID(truth.Boot, n+1); !seen[name] {
				without = append(without, name)
			}
		}
		if len(without) > gaps {
			all = append(all, fmt.Sprintf("%s: of %d events %q are not there, and %d count as missed", id, truth.Events,
				without, gaps))
		}
	}
	return all
}

// agree waits until the dashboard shows the truth, and has or misses every event.
func agree(t *testing.T, d *dashboard.Dashboard, f *Fleet) {
	t.Helper()
	late := time.Now().Add(patience)
	for {
		wrong := append(differences(d, f), lost(t, d, f)...)
		if len(wrong) == 0 {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("%d differences, such as %s", len(wrong), wrong[0])
		}
		<-time.After(100 * time.Millisecond)
	}
}

// officeFiles are the accounts of a fleet's rooms in the files of the dashboard's own broker.
func officeFiles(t *testing.T, f *Fleet, dir string) (passwords, access string) {
	t.Helper()
	passwords, access = filepath.Join(dir, "mosquitto.passwd"), filepath.Join(dir, "mosquitto.acl")
	var lines, rights strings.Builder
	for _, r := range f.rooms {
		user := r.names.Site + "-" + r.names.Room
		salt := []byte("twelve bytes")
		hash, err := pbkdf2.Key(sha512.New, user+secret, salt, 101, sha512.Size)
		if err != nil {
			t.Fatal(err)
		}
		text := base64.StdEncoding.EncodeToString
		fmt.Fprintf(&lines, "%s:$7$101$%s$%s\n", user, text(salt), text(hash))
		fmt.Fprintf(&rights, "\nuser %s\ntopic write tacet/%s/%s/#\ntopic write %s\ntopic read homeassistant/status\n",
			user, r.names.Site, r.names.Room, r.names.Discovery())
	}
	if err := errors.Join(os.WriteFile(passwords, []byte(lines.String()), 0o600),
		os.WriteFile(access, []byte(rights.String()), 0o600)); err != nil {
		t.Fatal(err)
	}
	return passwords, access
}

// Thirty rooms at the dashboard's own broker, which is stopped and started under traffic: nothing is
// missed, and everything is right in the end.
func TestTheDashboardsOwnBroker(t *testing.T) {
	rounds := 3
	if os.Getenv("TACET_SOAK") != "" {
		rounds = 100
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	dir, ca := t.TempDir(), ""
	o := Options{Rooms: 30, Sites: 3, Seed: seed, Speed: 300, Calm: true, HomeAssistant: "homeassistant",
		Account: func(site, room string) (string, func() (mqtt.Credentials, error)) {
			user := site + "-" + room
			return user, func() (mqtt.Credentials, error) {
				pem, err := os.ReadFile(ca)
				return mqtt.Credentials{Password: user + secret, CA: pem}, err
			}
		}, Broker: "mqtts://127.0.0.1:1"}
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	passwords, access := officeFiles(t, f, dir)
	listen := "127.0.0.1:0"
	start := func() (*dashboard.Dashboard, func()) {
		t.Helper()
		b, err := broker.Open(broker.Options{Listen: listen, Dir: filepath.Join(dir, "broker"), Passwords: passwords,
			Access: access})
		if err != nil {
			t.Fatal(err)
		}
		listen, ca = b.Addr().String(), b.CA()
		d, err := dashboard.Open(t.Context(), dashboard.Options{Inside: b, Known: known(f), Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Remember(broker.FromHistory(t.Context(), d.History())); err != nil {
			t.Fatal(err)
		}
		return d, watch(t, d)
	}
	d, stop := start()
	o.Broker = "mqtts://" + listen
	if f, err = New(o); err != nil {
		t.Fatal(err)
	}
	live(t, f)
	for range rounds {
		await(t, "the rooms", patience, func() bool { return f.Counts().Connected == 30 })
		events := f.Counts().Events
		await(t, "traffic", patience+night(o.Speed), func() bool { return f.Counts().Events > events+60 })
		stop()
		d, stop = start()
	}
	await(t, "the rooms", patience, func() bool { return f.Counts().Connected == 30 })
	f.Pause()
	agree(t, d, f)
	if n := missed(d); n != 0 {
		t.Errorf("%d events are missed", n)
	}
}
