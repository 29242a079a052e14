package provision

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"

	"tacet/cmd/internal/fleet"
	"tacet/config"
	"tacet/config/office"
	"tacet/config/office/officetest"
	"tacet/daemon/recording"
	"tacet/daemon/store/local/mark"
	"tacet/daemon/topic/topictest"
)

// desk is a folder with a template and the files that it names.
type desk struct {
	t      *testing.T
	dir    string
	signer office.Signer
	key    office.Key
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, dir: t.TempDir()}
	var public string
	d.signer, d.key, public = officetest.New(t, "office")
	var list string
	for range 2 {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		list += id.Recipient().String() + "\n"
	}
	signed, err := office.SignList([]byte(list), d.signer)
	if err != nil {
		t.Fatal(err)
	}
	d.write("practice.pub", string(signed))
	d.write("office.vkey", public+"\n")
	for _, name := range []string{"s3_access", "s3_secret", "ca.pem", "known_hosts", "client.pem", "client.key"} {
		d.write(name, name+"\n")
	}
	d.write("tacet.toml", exampleTemplate())
	return d
}

// exampleTemplate returns the example config with placeholders for what differs between rooms.
func exampleTemplate() string {
	return strings.NewReplacer(`site = "high-street"`, `site = "{site}"`, `id   = "room-3"`, `id   = "{room}"`,
		`"Consulting room 3"`, `"{name}"`,
		`username = "room-3"`, `username = "{site}-{room}"`, "sftp://room-3@", "sftp://{site}-{room}@", `CARD=Device,DEV=0"`,
		`CARD={card},DEV=0"`).Replace(config.Example)
}

func (d *desk) write(name, text string) {
	d.t.Helper()
	name = filepath.Join(d.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		d.t.Fatal(err)
	}
}

// rows returns a list of n rooms; change may edit each line.
func rows(n int, change func(i int, line string) string) string {
	list := "site,room,name,card,drives\n"
	for i := range n {
		drive := ""
		if i == 2 {
			drive = "1234-ABCD 5678-EF01"
		}
		list += change(i, fmt.Sprintf("high-street,room-%d,Consulting room %d,Device,%s", i, i, drive)) + "\n"
	}
	return list
}

func same(_ int, line string) string { return line }

// plan makes the plan of a list.
func (d *desk) plan(list string) (*Plan, error) {
	d.t.Helper()
	d.write("rooms.csv", list)
	rooms, _, err := ReadRooms(filepath.Join(d.dir, "rooms.csv"))
	if err != nil {
		d.t.Fatal(err)
	}
	template, err := ReadTemplate(filepath.Join(d.dir, "tacet.toml"))
	if err != nil {
		d.t.Fatal(err)
	}
	return NewPlan(template, rooms, &d.signer)
}

func (d *desk) provision(list string) Done {
	d.t.Helper()
	p, err := d.plan(list)
	if err != nil {
		d.t.Fatal(err)
	}
	done, err := p.Write(d.out())
	if err != nil {
		d.t.Fatal(err)
	}
	return done
}

func (d *desk) out() string { return filepath.Join(d.dir, "out") }

func (d *desk) made(name string) string {
	d.t.Helper()
	data, err := os.ReadFile(filepath.Join(d.out(), name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(data)
}

// tree returns every file that was written, with its modification time.
func (d *desk) tree() map[string]string {
	all := map[string]string{}
	err := filepath.WalkDir(d.out(), func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			rel, _ := filepath.Rel(d.out(), name)
			all[filepath.ToSlash(rel)] = fmt.Sprint(info.ModTime().UnixNano(), info.Mode(), d.made(rel))
		}
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

// Of forty rooms, five change: nothing else is written again, and secrets stay the same.
func TestFortyRoomsThenFiveChanged(t *testing.T) {
	d := newDesk(t)
	done := d.provision(rows(40, same))
	if len(done.Made) != 40 || len(done.Changed)+len(done.Same)+len(done.Gone) > 0 {
		t.Errorf("%+v", done)
	}
	before := d.tree()
	if done := d.provision(rows(40, same)); len(done.Same) != 40 || len(done.Office) > 0 || !maps.Equal(before, d.tree()) {
		t.Errorf("again: %+v", done)
	}
	changed := []string{"high-street/room-11", "high-street/room-13", "high-street/room-17", "high-street/room-19",
		"high-street/room-7"}
	list := rows(40, func(i int, line string) string {
		if slices.Contains(changed, fmt.Sprintf("high-street/room-%d", i)) {
			return strings.Replace(line, "Consulting room", "Large room", 1)
		}
		return line
	})
	done = d.provision(list)
	slices.Sort(done.Changed)
	if !slices.Equal(done.Changed, changed) || len(done.Same) != 35 {
		t.Errorf("five changed: %+v", done)
	}
	for name, was := range before {
		now := d.tree()[name]
		place := strings.Join(strings.SplitN(name, "/", 3)[:2], "/")
		own := strings.HasSuffix(name, "tacet.toml") || strings.HasSuffix(name, "label.html")
		if slices.Contains(changed, place) && own {
			if now == was || !strings.Contains(now, "Large room") {
				t.Errorf("%s did not change", name)
			}
		} else if now != was && !strings.HasPrefix(name, "_office/labels") && !strings.HasPrefix(name, "_office/fleet") {
			t.Errorf("%s was written again", name)
		}
	}
}

// A room gets a config that tacet check accepts, and every file that it names.
func TestRoomIsWhole(t *testing.T) {
	d := newDesk(t)
	d.write("high-street/room-1/client.key", "room 1's own\n")
	d.provision(rows(3, same))
	for i := range 3 {
		at := fmt.Sprintf("high-street/room-%d/etc/", i)
		cfg, _, err := config.Load(filepath.Join(d.out(), at, "tacet.toml"))
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Room.ID != fmt.Sprintf("room-%d", i) || cfg.Room.Name != fmt.Sprintf("Consulting room %d", i) ||
			cfg.MQTT.Username != "high-street-"+cfg.Room.ID {
			t.Errorf("%s: %+v", at, cfg.Room)
		}
		for _, name := range []string{"practice.pub", "office.vkey", "s3_access", "s3_secret", "ca.pem", "known_hosts",
			"client.pem", "client.key",
			"mqtt_password", "sftp_key"} {
			if d.made(at+name) == "" {
				t.Errorf("%s%s is empty", at, name)
			}
		}
		if _, err := d.key.OpenList([]byte(d.made(at + "practice.pub"))); err != nil {
			t.Errorf("the recipients: %v", err)
		}
	}
	if d.made("high-street/room-1/etc/client.key") != "room 1's own\n" ||
		d.made("high-street/room-2/etc/client.key") != "client.key\n" {
		t.Error("a room's own file is not its own")
	}
	passwords := map[string]bool{}
	for i := range 3 {
		passwords[d.made(fmt.Sprintf("high-street/room-%d/etc/mqtt_password", i))] = true
		passwords[d.made(fmt.Sprintf("high-street/room-%d/etc/sftp_key", i))] = true
	}
	if len(passwords) != 6 {
		t.Error("two rooms have the same secret")
	}
	for _, uuid := range []string{"1234-ABCD", "5678-EF01"} {
		m, err := mark.Parse([]byte(d.made("high-street/room-2/drives/" + uuid + "/" + mark.File)))
		if err != nil || !m.For("high-street", "room-2", "drive") || m.SignedBy(d.key, uuid) != nil {
			t.Errorf("the mark for %s: %+v, %v", uuid, m, err)
		}
	}
	label := d.made("high-street/room-2/label.html")
	if !strings.Contains(label, "Consulting room 2") ||
		!strings.Contains(label, "https://help.example/units#high-street/room-2") {
		t.Errorf("the label says %s", label)
	}
	if info, err := os.Stat(d.out()); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder's rights: %v, %v", info.Mode(), err)
	}
}

// The hash that fleet.toml has for each room is the one that a unit with its recipients publishes.
func TestFleetHasTheRecipientsHash(t *testing.T) {
	d := newDesk(t)
	signed, err := office.SignList([]byte(strings.Join(topictest.Recipients, "\n")+"\n"), d.signer)
	if err != nil {
		t.Fatal(err)
	}
	d.write("practice.pub", string(signed))
	d.provision(rows(2, same))
	known, err := fleet.Parse([]byte(d.made("_office/fleet.toml")))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"room-0", "room-1"} {
		if r := known.Room("high-street", id); r == nil || r.Recipients != topictest.RecipientsHash {
			t.Errorf("the fleet says of %s %+v, want the recipients %s", id, r, topictest.RecipientsHash)
		}
	}
}

// A secret that was removed is replaced, also in the servers' lists. A room that leaves the list
// keeps its folder and its place in fleet.toml, but loses its accounts.
func TestSecretsAreMadeAnew(t *testing.T) {
	d := newDesk(t)
	d.provision(rows(3, same))
	_, public, err := recording.NewUnitKey("high-street", "room-2")
	if err != nil {
		t.Fatal(err)
	}
	known, err := fleet.Parse([]byte(d.made("_office/fleet.toml")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := known.Room("high-street", "room-2").Learn(public); err != nil {
		t.Fatal(err)
	}
	if err := known.Write(filepath.Join(d.out(), "_office/fleet.toml")); err != nil {
		t.Fatal(err)
	}
	before := d.tree()
	for _, name := range []string{"mqtt_password", "sftp_key"} {
		if err := os.Remove(filepath.Join(d.out(), "high-street/room-1/etc", name)); err != nil {
			t.Fatal(err)
		}
	}
	done := d.provision(rows(2, same))
	if !slices.Equal(done.Changed, []string{"high-street/room-1"}) ||
		!slices.Equal(done.Gone, []string{"high-street/room-2"}) {
		t.Errorf("%+v", done)
	}
	after := d.tree()
	for name, change := range map[string]bool{"high-street/room-1/etc/mqtt_password": true,
		"high-street/room-1/etc/sftp_key":      true,
		"high-street/room-0/etc/mqtt_password": false, "_office/mosquitto.passwd": true,
		"_office/authorized_keys/high-street-room-1@backup.lan": true,
		"_office/authorized_keys/high-street-room-0@backup.lan": false, "high-street/room-2/etc/tacet.toml": false} {
		if (before[name] != after[name]) != change {
			t.Errorf("%s: changed %v, want %v", name, !change, change)
		}
	}
	if strings.Contains(after["_office/mosquitto.acl"]+after["_office/mosquitto.passwd"], "room-2") ||
		after["_office/authorized_keys/high-street-room-2@backup.lan"] != "" {
		t.Error("a server would still let room-2 in")
	}
	if known, err = fleet.Parse([]byte(d.made("_office/fleet.toml"))); err != nil {
		t.Fatal(err)
	}
	if r := known.Room("high-street", "room-2"); r == nil || !r.Gone || r.Key != public {
		t.Errorf("the fleet says of room-2 %+v", r)
	}
}

// Each mistake in a template is reported once, with its line, and nothing is written.
func TestTemplateMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		change func(text string) string
		list   string
		want   []string
	}{
		"a column that isn't there": {func(s string) string { return strings.Replace(s, "{card}", "{microphone}", 1) }, "",
			[]string{"{microphone} is not a column of the list of rooms; add the column, or use one of {card}, {drives}, {name}, {room}, {site}"}},
		"a fixed room": {func(s string) string { return strings.Replace(s, `"{room}"`, `"room-1"`, 1) }, "",
			[]string{`room.id: is "room-1", but the list of rooms says "room-0"`}},
		"a fixed user": {func(s string) string { return strings.Replace(s, `"{site}-{room}"`, `"unit"`, 1) }, "",
			[]string{`mqtt.username: is "unit" for both high-street/room-0 and high-street/room-1, which have different passwords; write username = "{site}-{room}"`}},
		"a key nobody knows": {func(s string) string { return strings.Replace(s, "purpose =", "porpoise =", 1) }, "",
			[]string{"consent.porpoise: there is no such key"}},
		"no TOML": {func(s string) string { return strings.Replace(s, "[room]", "[room", 1) }, "",
			[]string{"the section's name is not closed"}},
		"a file missing": {func(s string) string { return strings.ReplaceAll(s, "ca.pem", "roots.pem") }, "",
			[]string{"names /etc/tacet/roots.pem, but there is no file roots.pem beside the template; put it there"}},
		"a file in a folder": {func(s string) string {
			return strings.ReplaceAll(s, "/etc/tacet/ca.pem",
				"/etc/tacet/x/ca.pem")
		}, "", []string{"/etc/tacet/x/ca.pem can't be provisioned"}},
		"an unsigned list": {func(s string) string { return strings.Replace(s, `"practice.pub"`, `"unsigned.pub"`, 1) }, "",
			[]string{"is not signed by the office"}},
		"no store for drives": {func(s string) string {
			return strings.Replace(s, `kind = "drive"`+"\nlabel = \"TACET\"", "kind = \"drive\"", 1)
		}, "", nil},
		"one room alone": {func(s string) string { return s },
			strings.Replace(rows(3, same), "Consulting room 1", strings.Repeat("x", 120), 1),
			[]string{"room.name: is 120 characters long, in high-street/room-1; write at most 100"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.write("unsigned.pub", strings.Split(func() string {
				b,
					_ := os.ReadFile(filepath.Join(d.dir, "practice.pub"))
				return string(b)
			}(), "#")[0])
			d.write("tacet.toml", c.change(exampleTemplate()))
			list := c.list
			if list == "" {
				list = rows(3, same)
			}
			_, err := d.plan(list)
			if c.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			errs, ok := err.(config.Errors)
			if !ok {
				t.Fatalf("%v, want %q", err, c.want)
			}
			for _, want := range c.want {
				if n := strings.Count(errs.Error(), want); n != 1 && !(name == "a fixed user" && n >= 1) {
					t.Errorf("%d times %q in\n%v", n, want, errs)
				}
			}
			for _, e := range errs {
				if filepath.Base(e.File) != "tacet.toml" && filepath.Base(e.File) != "unsigned.pub" {
					t.Errorf("it names %q", e.File)
				}
			}
		})
	}
}

// Quotes, backslashes and braces in a name are kept as they are.
func TestValuesStandForThemselves(t *testing.T) {
	d := newDesk(t)
	for _, name := range []string{`Der "grüne" Raum`, `C:\room`, `{site}`, `a'b # c`, `<b>&amp;`} {
		d.provision("site,room,name,card\nhigh-street,room-1,\"" + strings.ReplaceAll(name, `"`, `""`) + "\",Device\n")
		cfg, _, err := config.Load(filepath.Join(d.out(), "high-street/room-1/etc/tacet.toml"))
		if err != nil || cfg.Room.Name != name {
			t.Errorf("%q came out as %+v, %v", name, cfg, err)
		}
		if strings.Contains(d.made("high-street/room-1/label.html"), "<b>") {
			t.Error("the label holds the name's HTML")
		}
	}
}

// After an interruption each room is complete or has no config, and the next run finishes.
func TestWriteGoesOn(t *testing.T) {
	d := newDesk(t)
	p, err := d.plan(rows(3, same))
	if err != nil {
		t.Fatal(err)
	}
	d.write("out/high-street/room-1", "a file where a folder should be")
	if _, err := p.Write(d.out()); err == nil || !strings.Contains(err.Error(), "high-street/room-1") {
		t.Fatalf("%v", err)
	}
	password := d.made("high-street/room-0/etc/mqtt_password")
	if err := os.Remove(filepath.Join(d.out(), "high-street/room-1")); err != nil {
		t.Fatal(err)
	}
	done := d.provision(rows(3, same))
	if !slices.Equal(done.Same, []string{"high-street/room-0"}) || len(done.Made) != 2 ||
		password != d.made("high-street/room-0/etc/mqtt_password") {
		t.Errorf("%+v", done)
	}
}
