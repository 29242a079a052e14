package main

import (
	"cmp"
	"errors"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"tacet/cmd/internal/card"
	"tacet/cmd/internal/cli"
	"tacet/cmd/tacet-demo/broker"
	"tacet/cmd/tacet-demo/page"
	"tacet/cmd/tacet-demo/power"
	"tacet/config"
	"tacet/daemon/recording"
	"tacet/hw/simpanel"
)

// defaultKey is where a unit keeps its key unless its config says otherwise.
const defaultKey = "/var/lib/tacet/unit.key"

// discovery is Home Assistant's default prefix.
const discovery = "homeassistant"

const (
	officeKey  = "office.key" // the identity that opens the recordings
	officePub  = "office.pub"
	configFile = "tacet.toml"
)

// generated is the config of a unit with two parties, which show best what consent is, and
// everything that a panel can have.
const generated = `# Made by tacet-demo for a unit in a browser. Its GPIO lines are those of the page.
[room]
site = "high-street"
id   = "room-3"
name = "Consulting room 3"

[unit]
key = %q

[consent]
notice  = "2026-03"
purpose = "Your own record of this consultation"

[[button]]
party = "patient"
line  = "GPIO5"
[[button]]
party = "clinician"
line  = "GPIO6"

[light]
line  = "GPIO27"
sense = "GPIO22"
[status_light]
line = "GPIO23"
[buzzer]
line = "GPIO24"

[audio]
device = "default"

[encrypt]
recipients = [%q]
[office]
key = %q

# The folder drive-drive stands for a thumb drive. The spool keeps its recordings, so that you can listen with
# the drive out.
[spool]
path = %q
release = "never"
[[store]]
name = "drive"
kind = "drive"
label = "TACET"
`

// unit is what the demo knows of the unit before it starts.
type unit struct {
	dir        string
	configPath string
	mic        string
	broker     string // its address, from connect on
	beside     string // where the dashboard shall listen; empty: there is none
	dashboard  string // its page's address, once it listens
	cfg        *config.Config
	warnings   []config.Problem
	identities []age.Identity
}

// prepare makes what is missing and reads the config.
func prepare(o options) (*unit, error) {
	u := &unit{dir: o.dir, configPath: o.config, mic: o.mic}
	var err error
	if u.dir == "" {
		u.dir, err = os.MkdirTemp("", "tacet-demo-")
	} else if u.dir, err = filepath.Abs(u.dir); err == nil {
		err = os.MkdirAll(u.dir, 0o700)
	}
	if err != nil {
		return nil, err
	}
	if u.configPath == "" {
		u.mic = cmp.Or(u.mic, autoMic)
		if err := u.generate(); err != nil {
			return nil, err
		}
	}
	if u.cfg, u.warnings, err = load(u.configPath, u.dir, ""); err != nil {
		return nil, err
	}
	if o.config == "" {
		u.warnings = nil // one key and no copies are enough to try the unit
	}
	u.mic = cmp.Or(u.mic, u.cfg.Audio.Device)
	if u.mic == autoMic {
		u.mic = auto("/sys/class/sound")
	}
	if err := os.MkdirAll(u.cfg.Spool.Path, 0o700); err != nil {
		return nil, err
	}
	u.identities, err = identities(filepath.Join(u.dir, officeKey))
	return u, err
}

// Values of -mic besides a device.
const (
	autoMic  = "auto"
	voiceMic = "voice"
)

// auto returns the machine's own microphone or, if no card can record, the voice. It opens none.
func auto(sysfs string) string {
	cards, err := filepath.Glob(filepath.Join(sysfs, "pcmC*D*c"))
	if err != nil || len(cards) == 0 {
		return voiceMic
	}
	return "default"
}

// load reads a config. It puts the unit's key into dir unless the config names another place.
// broker is for a config without [mqtt].
func load(path, dir, broker string) (*config.Config, []config.Problem, error) {
	cfg, warnings, err := config.Load(path)
	if err != nil {
		return nil, nil, cli.Exit(power.BadConfig, err)
	}
	if cfg.Unit.Key == defaultKey {
		cfg.Unit.Key = filepath.Join(dir, "unit.key")
	}
	if cfg.MQTT == nil && broker != "" {
		cfg.MQTT = &config.MQTT{Broker: broker, HomeAssistant: discovery}
	}
	return cfg, warnings, nil
}

// generate makes the config, and the office's key if there is none.
func (u *unit) generate() error {
	key, pub := filepath.Join(u.dir, officeKey), filepath.Join(u.dir, officePub)
	if _, err := os.Stat(key); os.IsNotExist(err) {
		i, err := age.GenerateHybridIdentity()
		if err != nil {
			return err
		}
		text := fmt.Sprintf("# public key: %s\n%s\n", i.Recipient(), i)
		if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
			return err
		}
		if err := os.WriteFile(pub, []byte(i.Recipient().String()+"\n"), 0o644); err != nil {
			return err
		}
	}
	if err := u.sign(pub); err != nil {
		return err
	}
	u.configPath = filepath.Join(u.dir, configFile)
	text := fmt.Sprintf(generated, filepath.Join(u.dir, "unit.key"), pub, filepath.Join(u.dir, officeVkey),
		filepath.Join(u.dir, "spool"))
	return os.WriteFile(u.configPath, []byte(text), 0o644)
}

// identities reads the office's key, if there is one.
func identities(path string) ([]age.Identity, error) {
	f, err := os.Open(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ids, err := recording.ParseIdentities(f, noPassphrase)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return ids, nil
}

// noPassphrase refuses an encrypted key: nobody can be asked.
func noPassphrase() (string, error) { return "", errors.New("it is encrypted with a passphrase") }

// keys returns the keys of the units that the page knows: its own unit's, from the second line of
// its key file, once the unit has made it.
func (u *unit) keys() []string {
	text, err := os.ReadFile(u.cfg.Unit.Key)
	if err != nil {
		return nil
	}
	_, public, _ := strings.Cut(string(text), "\n")
	return []string{strings.TrimSpace(public)}
}

// connect starts a broker if the config names none. Messages of another broker are not shown: it
// may not let us read them, and they are its owner's.
func (u *unit) connect() (_ *page.Traffic, close func(), err error) {
	if u.cfg.MQTT != nil {
		u.broker = u.cfg.MQTT.Broker
		return nil, func() {}, nil
	}
	traffic := &page.Traffic{}
	b, err := broker.Start(traffic.Add)
	if err != nil {
		return nil, nil, err
	}
	u.broker = b.URL()
	return traffic, b.Close, nil
}

// front returns the parts of the panel.
func (u *unit) front() simpanel.Settings {
	s := simpanel.Settings{Door: u.cfg.Door != nil, Sense: u.cfg.Light.Sense != "", StatusLight: u.cfg.StatusLight != nil,
		Buzzer: u.cfg.Buzzer != nil}
	for _, b := range u.cfg.Buttons {
		s.Buttons = append(s.Buttons, simpanel.Button{Party: b.Party, Latching: b.Latching()})
	}
	for _, store := range u.cfg.Stores {
		s.Drive = s.Drive || store.Kind == config.Drive
	}
	return s
}

// card is what the page's head says.
func (u *unit) card() page.Card {
	return page.Card{Site: u.cfg.Room.Site, Room: u.cfg.Room.Name, Microphone: u.hears(), Key: len(u.identities) > 0,
		Broker: u.broker, Dashboard: u.dashboard}
}

// wall is the card on the wall, as tacet card makes it.
func (u *unit) wall() (template.HTML, error) {
	words, err := card.ReadWords("en")
	if err != nil {
		return "", err
	}
	return card.New(u.cfg, words).Section()
}

// hears describes the unit's microphone.
func (u *unit) hears() string {
	if u.mic == voiceMic {
		return "a built-in voice"
	}
	return "this machine’s microphone (" + u.mic + ")"
}
