// Package config reads the file that describes a unit, and reports everything that is wrong with it
// at once.
//
//	cfg, warnings, err := config.Load("/etc/tacet/tacet.toml")
//
// The file is TOML. example.toml, which is also [Example], documents every key. Every problem names
// the file, the line, the key, what is wrong, and what to write instead. Errors make the file
// unusable: err is then an [Errors], and there is no Config. Warnings don't.
//
// Promises:
//
//   - One reading finds all errors. Even a line that TOML refuses hides no other error.
//   - An unknown key is an error, so a misspelt key never silently leaves a setting at its default.
//   - Secrets are files, never values. No message repeats a private key or a password that is in
//     the wrong place.
//   - A Config is complete: defaults are filled in, recipients are resolved to keys, and every
//     value is in its bounds. Nobody has to check again.
//
// Paths are paths on the unit, so they are absolute and use slashes, even when the file is checked
// at a desk. Only the recipients and the office's key may be relative to the file's folder, because
// the desk needs them too. The office's key is also looked for in that folder. Other files that are
// missing get a warning, because they may exist only on the unit.
package config

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tacet/config/bounded"
	"tacet/config/textfile"
)

// Example is the documented example file. It names one recipients file, practice.pub, in its own
// folder.
//
//go:embed example.toml
var Example string

// MaxFile is the longest config or recipients file that is read, in bytes.
const MaxFile = 1 << 20

// Config is a complete, checked config file. The names of its fields are part of Hash.
type Config struct {
	Room        Room
	Unit        Unit
	Consent     Consent
	Buttons     []Button // at least one
	Light       Light
	StatusLight *Line   // nil if there is none
	Door        *Line   // nil if there is none
	Buzzer      *Buzzer `json:",omitempty"` // nil if there is none
	Audio       Audio
	Encrypt     Encrypt
	Office      *Office `json:",omitempty"` // nil if nobody signs recipients and drives
	Spool       Spool
	Stores      []Store
	MQTT        *MQTT // nil if nothing is published
	Card        *Card `json:",omitempty"` // nil if the card on the wall says no more than the rest does
}

// Room says where the unit is.
type Room struct {
	Site string // [a-z0-9-]{1,32}
	ID   string // [a-z0-9-]{1,32}
	Name string // for people
}

// Unit is the unit's own identity.
type Unit struct {
	Key string // file of the signing key, which the unit makes at its first start
}

// Consent says what is agreed to, and when consent lapses.
type Consent struct {
	Notice  string        // version of the notice on the wall
	Purpose string        // for people
	Max     time.Duration // longest recording
	Quiet   time.Duration // a recording ends after this much quiet; 0 for never
}

// Values of the key active.
const (
	Low  = "low"
	High = "high"
)

// Values of the key style.
const (
	Momentary = "momentary"
	Latching  = "latching"
)

// Button is one party's button.
type Button struct {
	Party    string // [a-z-]+, unique
	Line     string // GPIO5 or gpiochip0:5
	Active   string // Low or High: the level while pressed
	Style    string // Momentary or Latching
	Debounce time.Duration
}

// ActiveLow reports whether a press pulls the line low.
func (b Button) ActiveLow() bool { return b.Active == Low }

// Latching reports whether the button stays pressed when it is let go.
func (b Button) Latching() bool { return b.Style == Latching }

// Light is the light that shows that the microphone is open.
type Light struct {
	Line        string
	Active      string // Low or High: the level that lights it
	Sense       string // "" if there is no sense line
	SenseActive string // Low or High: the level that says it is lit
}

// Line is a GPIO line and its active level.
type Line struct {
	Line   string
	Active string
}

// ActiveLow reports whether the line is active when it is low.
func (l Line) ActiveLow() bool { return l.Active == Low }

// Buzzer sounds when recording begins and when it has ended.
type Buzzer struct {
	Line   string
	Active string        // Low or High: the level that makes it sound
	Repeat time.Duration // it also sounds this often while it records; 0 for never
}

// ActiveLow reports whether it sounds when the line is low.
func (b Buzzer) ActiveLow() bool { return b.Active == Low }

// Values of the key codec.
const (
	Opus = "opus"
	FLAC = "flac"
	WAV  = "wav"
)

// Audio is the microphone, and how its sound is encoded.
type Audio struct {
	Device   string // an ALSA PCM
	Rate     int    // samples a second
	Channels int    // 1 or 2
	Codec    string // Opus, FLAC or WAV
	Bitrate  int    // bits a second; 0 unless the codec is Opus
}

// Encrypt says who can open recordings.
type Encrypt struct {
	// Recipients are age public keys, in the file's order: at least one, each once, all hybrid or
	// all classic.
	Recipients []string
}

// Values of the key release.
const (
	All   = "all"
	Any   = "any"
	Never = "never"
)

// Spool is where recordings are written first.
type Spool struct {
	Path    string
	Reserve time.Duration // recording time that must be free before a recording starts
	Release string        // All, Any or Never; Never if there are no stores
}

// Values of the key kind.
const (
	Drive  = "drive"
	Folder = "folder"
	SFTP   = "sftp"
	S3     = "s3"
)

// Store is a place for copies. Only the fields of its kind are set.
type Store struct {
	Name string // [a-z0-9-]+, unique
	Kind string // Drive, Folder, SFTP or S3

	Label string        // Drive: the volume's label
	Keep  time.Duration // Drive: age at which a copy is deleted, if another store has it; 0 for never

	Path        string // Folder
	UnmountedOK bool   // Folder: it need not be on a mount

	URL        string // SFTP: sftp://user@host[:port]/absolute/path
	Key        string // SFTP: file of the private key
	KnownHosts string // SFTP: file

	Endpoint      string        // S3: https://host[:port]
	Bucket        string        // S3
	Prefix        string        // S3: prepended to each object's name as it is
	Region        string        // S3
	AccessKeyFile string        // S3
	SecretKeyFile string        // S3
	PathStyle     bool          // S3
	CA            string        // S3: file; "" for the system's
	Lock          time.Duration // S3: object-lock retention; 0 for none
}

// MQTT is the broker that gets the unit's status.
type MQTT struct {
	Broker        string // mqtt://host:port or mqtts://host:port, always with a port
	Username      string
	PasswordFile  string
	CA            string // file; "" for the system's
	Cert          string // file of the client certificate; "" if there is none
	ClientKey     string // file
	HomeAssistant string // discovery prefix; "" for no discovery
}

// Load reads and checks the file at path. The error is an [Errors].
func Load(path string) (*Config, []Problem, error) { return load(path, nil) }

func load(path string, kept []byte) (*Config, []Problem, error) {
	data, err := readBytes(path)
	if err != nil {
		return nil, nil, Errors{{File: path, What: err.Error(), Instead: "name a config file that can be read"}}
	}
	return parse(path, data, kept)
}

// Parse checks data, the content of the file called name. It looks for recipients files and other
// files on this machine, relative to name's folder. The error is an [Errors].
func Parse(name string, data []byte) (*Config, []Problem, error) { return parse(name, data, nil) }

func parse(name string, data, kept []byte) (*Config, []Problem, error) {
	c := &checker{file: name, dir: filepath.Dir(name), kept: kept}
	src, ok := newSource(data, c)
	if !ok {
		return nil, nil, c.errors.sorted(name)
	}
	c.read(src)
	c.unknownKeys()

	var cfg Config
	c.room(&cfg)
	c.unit(&cfg)
	c.consent(&cfg)
	c.panel(&cfg)
	c.audio(&cfg)
	c.office(&cfg)
	c.encrypt(&cfg)
	spool := c.spool(&cfg)
	c.stores(&cfg, spool)
	c.mqtt(&cfg)
	c.card(&cfg)
	c.warnAbsent()

	warnings := []Problem(c.warnings.sorted(name))
	if len(c.errors.list) > 0 {
		return nil, warnings, c.errors.sorted(name)
	}
	return &cfg, warnings, nil
}

// Parties returns the parties whose consent is needed, in the file's order.
func (c *Config) Parties() []string {
	var parties []string
	for _, b := range c.Buttons {
		parties = append(parties, b.Party)
	}
	return slices.Clip(parties)
}

// readFile reads a text file that people write, and at most one byte more than MaxFile.
func readFile(path string) ([]byte, error) {
	data, err := readBytes(path)
	if err != nil || len(data) > MaxFile { // the caller reports that it is too long
		return data, err
	}
	text, _, err := textfile.Decode(data)
	if errors.Is(err, textfile.ErrBinary) {
		return data, nil // it may be an encrypted key: the caller decides what to say
	}
	return text, err
}

// readBytes is readFile without decoding the text.
func readBytes(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("is a folder")
	}
	data, err := bounded.ReadAll(f, MaxFile)
	if err != nil && !errors.Is(err, bounded.ErrTooLong) { // callers check the length
		return nil, cause(err)
	}
	return data, nil
}
