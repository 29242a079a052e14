// Package config reads the one file that describes a unit, and says everything that is wrong with
// it at once.
//
//	cfg, warnings, err := config.Load("/etc/tacet/tacet.toml")
//
// The file is TOML; example.toml, which is also [Example], shows every key with what it is for.
// Every problem names the file, the line, the key, what is wrong and what to write instead. Errors
// make the file unusable: err is then an [Errors], and there is no Config. Warnings leave it
// usable.
//
// What it promises:
//
//   - One reading finds all errors: a mistake in one line, even one that TOML itself refuses, hides no other.
//   - A key that nobody knows is an error, so a typing mistake never turns a setting silently into its default.
//   - Secrets are files, never values. No message repeats a private key or a password that stands where it shouldn't.
//   - A Config is complete: defaults are filled in, recipients are resolved to the keys themselves, everything is in
//     its bounds. Nobody downstream checks again.
//
// Paths are those of the unit, so they are absolute and use slashes, also when the file is checked
// at a desk. Only the recipients and the office's key may be named relative to the file's own
// folder, because they are needed at the desk too; the office's key is also looked for there. Of
// the other files those that are missing are warned of: they may live only on the unit.
package config

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"tacet/config/textfile"
)

// Example is the documented example file. It names one recipients file, practice.pub, in its own
// folder.
//
//go:embed example.toml
var Example string

// MaxFile is the longest config or recipients file that is read, in bytes.
const MaxFile = 1 << 20

// Config is a whole, checked config file.
type Config struct {
	Room        Room
	Unit        Unit
	Consent     Consent
	Buttons     []Button // at least one
	Light       Light
	StatusLight *Line // nil: there is none
	Door        *Line // nil: there is none
	Audio       Audio
	Encrypt     Encrypt
	Office      *Office `json:",omitempty"` // nil: nobody signs recipients and drives
	Spool       Spool
	Stores      []Store
	MQTT        *MQTT // nil: nothing is published
	Card        *Card `json:",omitempty"` // nil: the card on the wall says no more than the rest does
}

// Room says where the unit hangs.
type Room struct {
	Site string // [a-z0-9-]{1,32}
	ID   string // [a-z0-9-]{1,32}
	Name string // for people
}

// Unit is the unit's own identity.
type Unit struct {
	Key string // file of the signing key, made at first start
}

// Consent says what is agreed to, and when that lapses.
type Consent struct {
	Notice  string        // version of the notice on the wall
	Purpose string        // for people
	Max     time.Duration // longest recording
	Quiet   time.Duration // a recording ends after so much quiet; 0: never
}

// What a line's active key says.
const (
	Low  = "low"
	High = "high"
)

// What a button's style key says.
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

// Latching reports whether the button stays pressed by itself.
func (b Button) Latching() bool { return b.Style == Latching }

// Light is the indicator that says the microphone is open.
type Light struct {
	Line        string
	Active      string // Low or High: the level that lights it
	Sense       string // "": no sense line
	SenseActive string // Low or High: the level that says it is lit
}

// Line is a GPIO line with its active level.
type Line struct {
	Line   string
	Active string
}

// ActiveLow reports whether the line is active at the low level.
func (l Line) ActiveLow() bool { return l.Active == Low }

// What the codec key says.
const (
	Opus = "opus"
	FLAC = "flac"
	WAV  = "wav"
)

// Audio is the microphone and what its sound is kept as.
type Audio struct {
	Device   string // an ALSA PCM
	Rate     int    // samples a second
	Channels int    // 1 or 2
	Codec    string // Opus, FLAC or WAV
	Bitrate  int    // bits a second, of Opus only; 0 with the others
}

// Encrypt says who may open recordings.
type Encrypt struct {
	// Recipients are the age public keys themselves, whichever way the file named them: all hybrid
	// or all classic, each once, at least one, in the file's order.
	Recipients []string
}

// What the release key says.
const (
	All   = "all"
	Any   = "any"
	Never = "never"
)

// Spool is where recordings are written first.
type Spool struct {
	Path    string
	Reserve time.Duration // the room for so much recording must be free for one to start
	Release string        // All, Any or Never; Never where there are no stores
}

// What a store's kind key says.
const (
	Drive  = "drive"
	Folder = "folder"
	SFTP   = "sftp"
	S3     = "s3"
)

// Store is one place for copies. Only the fields of its kind are set.
type Store struct {
	Name string // [a-z0-9-]+, unique
	Kind string // Drive, Folder, SFTP or S3

	Label string        // Drive: the volume's label
	Keep  time.Duration // Drive: a copy goes after so long, if another store holds it; 0: stays

	Path        string // Folder
	UnmountedOK bool   // Folder: need not be on a mount

	URL        string // SFTP: sftp://user@host[:port]/absolute/path
	Key        string // SFTP: file of the private key
	KnownHosts string // SFTP: file

	Endpoint      string // S3: https://host[:port]
	Bucket        string // S3
	Prefix        string // S3: goes before each object's name as it stands
	Region        string // S3
	AccessKeyFile string // S3
	SecretKeyFile string // S3
	PathStyle     bool   // S3
	CA            string // S3: file; "": the system's
	Lock          time.Duration
}

// MQTT is the broker that hears the unit's status.
type MQTT struct {
	Broker        string // mqtt://host:port or mqtts://host:port, always with its port
	Username      string
	PasswordFile  string
	CA            string // file; "": the system's
	Cert          string // file of the client certificate; "": none
	ClientKey     string // file
	HomeAssistant string // discovery prefix; "": none
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

// Parse checks data, the content of the file called name. Recipients files, and the presence of
// other files, are looked up on this machine, relative to name's folder. The error is an [Errors].
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
	c.notHere()

	warnings := []Problem(c.warnings.sorted(name))
	if len(c.errors.list) > 0 {
		return nil, warnings, c.errors.sorted(name)
	}
	return &cfg, warnings, nil
}

// Parties lists the parties whose consent is needed, in the file's order.
func (c *Config) Parties() []string {
	var parties []string
	for _, b := range c.Buttons {
		parties = append(parties, b.Party)
	}
	return slices.Clip(parties)
}

// readFile reads a file that people write by hand, as text, and no more of it than MaxFile. Its
// error doesn't repeat the name.
func readFile(path string) ([]byte, error) {
	data, err := readBytes(path)
	if err != nil || len(data) > MaxFile { // who asked says that it is too long
		return data, err
	}
	text, _, err := textfile.Decode(data)
	if errors.Is(err, textfile.ErrBinary) {
		return data, nil // it may be a key behind a passphrase, and who asked knows what to say of that
	}
	return text, err
}

// readBytes is readFile without a look at what the bytes stand for.
func readBytes(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("is a folder")
	}
	data, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return nil, cause(err)
	}
	return data, nil
}
