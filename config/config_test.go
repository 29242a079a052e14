package config

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
)

// newHybrid returns a new post-quantum public key, newClassic a classic one.
func newHybrid(t testing.TB) string {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String()
}

func newClassic(t testing.TB) string {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String()
}

func write(t testing.TB, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// folder makes a folder with practice.pub, two post-quantum keys signed by theOffice, and
// office.vkey, theOffice's key. It also returns the two keys.
func folder(t testing.TB) (dir string, keys []string) {
	t.Helper()
	dir = t.TempDir()
	keys = []string{newHybrid(t), newHybrid(t)}
	list := theOffice.sign(t, "# the practice\n"+keys[0]+"\n\n# its lawyer's safe\n"+keys[1]+"\n")
	write(t, filepath.Join(dir, "practice.pub"), list)
	write(t, filepath.Join(dir, "office.vkey"), theOffice.key+"\n")
	return dir, keys
}

// everything is the config that the example must give.
func everything(keys []string) *Config {
	return &Config{
		Room: Room{Site: "high-street", ID: "room-3", Name: "Consulting room 3"},
		Unit: Unit{Key: "/var/lib/tacet/unit.key"},
		Consent: Consent{Notice: "2026-03", Purpose: "Your own record of this consultation", Max: time.Hour,
			Quiet: 5 * time.Minute},
		Buttons: []Button{
			{Party: "patient", Line: "GPIO5", Active: Low, Style: Momentary, Debounce: 30 * time.Millisecond},
			{Party: "clinician", Line: "GPIO6", Active: Low, Style: Momentary, Debounce: 30 * time.Millisecond},
		},
		Light:       Light{Line: "GPIO27", Active: High, Sense: "GPIO22", SenseActive: High},
		StatusLight: &Line{Line: "GPIO23", Active: High},
		Door:        &Line{Line: "GPIO4", Active: Low},
		Buzzer:      &Buzzer{Line: "GPIO24", Active: High},
		Audio:       Audio{Device: "hw:CARD=Device,DEV=0", Rate: 48000, Channels: 1, Codec: Opus, Bitrate: 48000},
		Encrypt:     Encrypt{Recipients: keys},
		Office:      &Office{Key: theOffice.key},
		Spool:       Spool{Path: "/var/lib/tacet/spool", Reserve: 2 * time.Hour, Release: All},
		Stores: []Store{
			{Name: "drive", Kind: Drive, Label: "TACET", Keep: 90 * 24 * time.Hour},
			{Name: "nas", Kind: Folder, Path: "/mnt/nas/recordings"},
			{Name: "office", Kind: SFTP, URL: "sftp://room-3@backup.lan/recordings", Key: "/etc/tacet/sftp_key",
				KnownHosts: "/etc/tacet/known_hosts"},
			{Name: "vault", Kind: S3, Endpoint: "https://s3.lan:9000", Bucket: "tacet", Prefix: "high-street/",
				Region:        "us-east-1",
				AccessKeyFile: "/etc/tacet/s3_access", SecretKeyFile: "/etc/tacet/s3_secret", PathStyle: true,
				CA: "/etc/tacet/ca.pem"},
		},
		MQTT: &MQTT{Broker: "mqtts://broker.lan:8883", Username: "room-3", PasswordFile: "/etc/tacet/mqtt_password",
			CA:   "/etc/tacet/ca.pem",
			Cert: "/etc/tacet/client.pem", ClientKey: "/etc/tacet/client.key", HomeAssistant: "homeassistant"},
		Card: &Card{Ask: "the front desk", Kept: "10 years", Help: "https://help.example/units"},
	}
}

func TestExample(t *testing.T) {
	dir, keys := folder(t)
	file := filepath.Join(dir, "tacet.toml")
	write(t, file, Example)
	cfg, warnings, err := Load(file)
	if err != nil {
		t.Fatalf("the example has errors:\n%v", err)
	}
	cfg.Office.lists = nil // compared elsewhere
	if want := everything(keys); !reflect.DeepEqual(cfg, want) {
		t.Errorf("the example gives\n%+v\nwant\n%+v", cfg, want)
	}
	for _, w := range warnings {
		if w.Instead != "make sure that they are on the unit" {
			t.Errorf("the example gets a warning: %v", w)
		}
	}
}

// The example must show every key.
func TestExampleShowsEveryKey(t *testing.T) {
	c := &checker{file: "example.toml"}
	src, _ := newSource([]byte(Example), c)
	c.read(src)
	for _, s := range sectionKeys {
		shown := map[string]bool{}
		for _, t := range c.sections(s.name) {
			for _, key := range t.order {
				shown[key] = true
			}
		}
		for _, key := range keysOf(s.name, "") {
			if !shown[key] {
				t.Errorf("the example doesn't show %s.%s", s.name, key)
			}
		}
	}
}

// minimal has only what is required. Its recipients come from practice.pub.
const minimal = `[room]
site = "high-street"
id = "room-3"
[[button]]
line = "GPIO5"
[light]
line = "GPIO27"
[audio]
device = "hw:CARD=Device,DEV=0"
[encrypt]
recipients = ["practice.pub"]
`

func TestDefaults(t *testing.T) {
	dir, keys := folder(t)
	cfg, _, err := Parse(filepath.Join(dir, "tacet.toml"), []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	want := everything(keys)
	want.Room.Name = "room-3"
	want.Consent.Notice, want.Consent.Purpose = "", ""
	want.Buttons = want.Buttons[:1]
	want.Buttons[0].Party = "room"
	want.Light.Sense = ""
	want.StatusLight, want.Door, want.Buzzer = nil, nil, nil
	want.Stores, want.MQTT, want.Office, want.Card = nil, nil, nil, nil
	want.Spool.Release = Never
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got\n%+v\nwant\n%+v", cfg, want)
	}
	if got := cfg.Parties(); !reflect.DeepEqual(got, []string{"room"}) {
		t.Errorf("parties are %v", got)
	}
}

func TestDefaultsOfStoresAndBroker(t *testing.T) {
	dir, _ := folder(t)
	cfg, _, err := Parse(filepath.Join(dir, "tacet.toml"), []byte(minimal+`
[[store]]
name = "stick"
kind = "drive"
[[store]]
name = "vault"
kind = "s3"
endpoint = "https://s3.lan"
bucket = "tacet"
access_key_file = "/etc/tacet/a"
secret_key_file = "/etc/tacet/s"
[mqtt]
broker = "mqtt://broker.lan"
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Store{
		{Name: "stick", Kind: Drive, Label: "TACET"},
		{Name: "vault", Kind: S3, Endpoint: "https://s3.lan", Bucket: "tacet", Region: "us-east-1", PathStyle: true,
			AccessKeyFile: "/etc/tacet/a", SecretKeyFile: "/etc/tacet/s"},
	}
	if !reflect.DeepEqual(cfg.Stores, want) {
		t.Errorf("stores are %+v", cfg.Stores)
	}
	if want := (&MQTT{Broker: "mqtt://broker.lan:1883", HomeAssistant: "homeassistant"}); !reflect.DeepEqual(cfg.MQTT,
		want) {
		t.Errorf("broker is %+v", cfg.MQTT)
	}
	if cfg.Spool.Release != All {
		t.Errorf("release is %q with stores, want all", cfg.Spool.Release)
	}
}

func TestEquivalentFiles(t *testing.T) {
	dir, _ := folder(t)
	file := filepath.Join(dir, "tacet.toml")
	plain, _, err := Parse(file, []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a byte-order mark":  "\xef\xbb\xbf" + minimal,
		"Windows' line ends": strings.ReplaceAll(minimal, "\n", "\r\n"),
		"no last line end":   strings.TrimSuffix(minimal, "\n"),
		"dotted keys": strings.Replace(minimal, "[room]\nsite = \"high-street\"\nid =",
			"room.site = \"high-street\"\nroom.id =", 1),
		"an inline table": strings.Replace(minimal, "[room]\nsite = \"high-street\"\nid = \"room-3\"\n",
			"room = {site = \"high-street\", id = 'room-3'}\n", 1),
		"a list of tables": "button = [{line = \"GPIO5\"}]\n" +
			strings.Replace(minimal, "[[button]]\nline = \"GPIO5\"\n", "", 1),
		"a list in many lines": strings.Replace(minimal, `["practice.pub"]`, "[ # who\n  \"practice.pub\", # the practice\n]",
			1),
		"an empty name": strings.Replace(minimal, "id = \"room-3\"", "id = \"room-3\"\nname = \" \"", 1),
		"a default":     strings.Replace(minimal, "[light]", "active = \"low\"\n[light]", 1),
	} {
		t.Run(name, func(t *testing.T) {
			cfg, _, err := Parse(file, []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(cfg, plain) || cfg.Hash() != plain.Hash() {
				t.Errorf("got %+v, want %+v", cfg, plain)
			}
		})
	}
}

func TestHashAndChanged(t *testing.T) {
	_, keys := folder(t)
	before := everything(keys)
	hash := before.Hash()
	if hash != everything(keys).Hash() {
		t.Errorf("the hash of equal configs differs from %q", hash)
	}
	text, err := json.Marshal(before)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%x", sha256.Sum256(text))[:32]; hash != want {
		t.Errorf("hash is %q, want the first 128 bits of SHA-256: %q", hash, want)
	}
	if got := Changed(before, everything(keys)); got != nil {
		t.Errorf("equal configs differ in %v", got)
	}
	for section, change := range map[string]func(*Config){
		"room":         func(c *Config) { c.Room.Name = "x" },
		"unit":         func(c *Config) { c.Unit.Key = "/x" },
		"consent":      func(c *Config) { c.Consent.Max++ },
		"button":       func(c *Config) { c.Buttons[1].Line = "GPIO7" },
		"light":        func(c *Config) { c.Light.Sense = "" },
		"status_light": func(c *Config) { c.StatusLight = nil },
		"door":         func(c *Config) { c.Door.Active = High },
		"buzzer":       func(c *Config) { c.Buzzer.Repeat = time.Minute },
		"audio":        func(c *Config) { c.Audio.Channels = 2 },
		"encrypt":      func(c *Config) { c.Encrypt.Recipients = keys[:1] },
		"office":       func(c *Config) { c.Office.Refused = []Problem{{What: "x"}} },
		"spool":        func(c *Config) { c.Spool.Release = Any },
		"store":        func(c *Config) { c.Stores[2].Key = "/x" },
		"mqtt":         func(c *Config) { c.MQTT.Username = "x" },
		"card":         func(c *Config) { c.Card = &Card{Ask: "x"} },
	} {
		after := everything(keys)
		change(after)
		if before.Hash() == after.Hash() {
			t.Errorf("%s changed, but the hash did not", section)
		}
		if got := Changed(before, after); !reflect.DeepEqual(got, []string{section}) {
			t.Errorf("%s changed, but Changed returns %v", section, got)
		}
	}
}

func TestLevelsAndStyles(t *testing.T) {
	low, high := Button{Active: Low, Style: Latching}, Button{Active: High, Style: Momentary}
	if !low.ActiveLow() || !low.Latching() || high.ActiveLow() || high.Latching() {
		t.Error("a button's level or style is wrong")
	}
	if !(Line{Active: Low}).ActiveLow() || (Line{Active: High}).ActiveLow() {
		t.Error("a line's level is wrong")
	}
}

// The config's own problems come first, then those of other files, each by line.
func TestOrderOfProblems(t *testing.T) {
	var ps problems
	for _, p := range []Problem{{File: "b", Line: 1}, {File: "u", Line: 9}, {File: "a", Line: 7}, {File: "u", Line: 2},
		{File: "a", Line: 3}} {
		ps.add(p)
	}
	var order []string
	for _, p := range ps.sorted("u") {
		order = append(order, p.Where())
	}
	if got := strings.Join(order, " "); got != "u:2 u:9 a:3 a:7 b:1" {
		t.Errorf("order is %s", got)
	}
}

func TestLoadUnreadable(t *testing.T) {
	dir := t.TempDir()
	for file, want := range map[string]string{
		filepath.Join(dir, "none.toml"): "none.toml: no such file or directory; name a config file",
		dir:                             "is a folder",
	} {
		_, _, err := Load(file)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q in it", file, err, want)
		}
		if errs, ok := err.(Errors); !ok || !errs.Unread() {
			t.Errorf("error is a %T, unread: %v", err, errs.Unread())
		}
	}
}
