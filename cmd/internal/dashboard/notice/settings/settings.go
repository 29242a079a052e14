// Package settings reads notices.toml: who gets a word about what, and how. See example.toml.
package settings

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"tacet/cmd/internal/dashboard/notice"
	"tacet/cmd/internal/dashboard/notice/send"
	"tacet/config/textfile"
)

// Example is a file with every key and its default.
//
//go:embed example.toml
var Example []byte

// Settings are what the file says.
type Settings struct {
	Page     string // the address of the dashboard's page, for links; empty: none
	Rules    []notice.Rule
	Summary  *notice.Summary // nil: no weekly mail
	Channels []send.Channel
	Ping     *Ping // nil: none
}

// Link is the address of a room's page, or of all rooms.
func (s *Settings) Link(site, room string) string {
	if room == "" {
		return s.Page + "/"
	}
	return s.Page + "/room/" + site + "/" + room
}

// Ping is a sign of life for somebody outside.
type Ping struct {
	Every time.Duration
	URL   func() (string, error)
}

// The bounds of the file.
const (
	maxFile   = 256 << 10 // bytes
	maxTo     = 50
	maxMail   = 50 // addresses of one
	maxRules  = 32
	maxSecret = 4 << 10 // bytes
	maxCA     = 1 << 20
)

// file is the TOML.
type file struct {
	Page   string       `toml:"page"`
	Mail   *mailTable   `toml:"mail"`
	To     []toTable    `toml:"to"`
	Rule   []ruleTable  `toml:"rule"`
	Weekly *weeklyTable `toml:"weekly"`
	Ping   *pingTable   `toml:"ping"`
}

type mailTable struct {
	Server       string `toml:"server"`
	TLS          string `toml:"tls"`
	Username     string `toml:"username"`
	PasswordFile string `toml:"password_file"`
	From         string `toml:"from"`
	CA           string `toml:"ca"`
}

type toTable struct {
	Name      string   `toml:"name"`
	Mail      []string `toml:"mail"`
	Style     string   `toml:"style"`
	URL       string   `toml:"url"`
	URLFile   string   `toml:"url_file"`
	TokenFile string   `toml:"token_file"`
	CA        string   `toml:"ca"`
}

type ruleTable struct {
	Name     string   `toml:"name"`
	To       []string `toml:"to"`
	Sites    []string `toml:"sites"`
	Severity string   `toml:"severity"`
	Codes    []string `toml:"codes"`
	Not      []string `toml:"not"`
	Grace    *string  `toml:"grace"`
	Group    *string  `toml:"group"`
	Clear    *string  `toml:"clear"`
	Cooldown *string  `toml:"cooldown"`
	Remind   *string  `toml:"remind"`
	PerHour  *int     `toml:"per_hour"`
}

type weeklyTable struct {
	To  []string `toml:"to"`
	Day string   `toml:"day"`
	At  string   `toml:"at"`
}

type pingTable struct {
	URL     string  `toml:"url"`
	URLFile string  `toml:"url_file"`
	Every   *string `toml:"every"`
}

// reader checks a file and gathers what is wrong with it.
type reader struct {
	dir      string
	location *time.Location
	errs     []error
	s        Settings
	names    map[string]bool // of recipients
}

func (r *reader) fail(key, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(key+": "+format, args...))
}

// Read reads the file called name. Files that it names are looked for beside it.
func Read(name string, location *time.Location) (*Settings, error) {
	data, err := textfile.Read(name, maxFile)
	if err != nil {
		return nil, fmt.Errorf("read the notices' settings: %w", err)
	}
	s, err := Parse(data, filepath.Dir(name), location)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}

// Parse reads the text of a file. dir is where the files are that it names; location is that of the
// times in it. The error has a line for each thing that is wrong.
func Parse(data []byte, dir string, location *time.Location) (*Settings, error) {
	var f file
	if err := textfile.TOML(data, &f); err != nil {
		if errors.Is(err, textfile.ErrUnknownKey) {
			err = fmt.Errorf("%w: \"tacet dashboard -notices-example\" prints a file with all keys", err)
		}
		return nil, err
	}
	r := &reader{dir: dir, location: location, names: map[string]bool{}}
	r.page(f.Page)
	r.recipients(&f)
	r.rules(f.Rule)
	r.weekly(f.Weekly)
	r.ping(f.Ping)
	if len(r.errs) > 0 {
		return nil, errors.Join(r.errs...)
	}
	return &r.s, nil
}

func (r *reader) page(address string) {
	if address == "" {
		return
	}
	if !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") {
		r.fail("page", "%q is no address: write it as people open it, like \"https://dashboard.practice.example:8081\"",
			address)
	}
	r.s.Page = strings.TrimRight(address, "/")
}

// path finds a file that the settings name.
func (r *reader) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(r.dir, name)
}

// secret returns a function that reads a secret each time, and checks that it can be read now.
func (r *reader) secret(key, name string) func() (string, error) {
	read := func() (string, error) { return textfile.Value(r.path(name), maxSecret) }
	if _, err := read(); err != nil {
		r.fail(key, "%w", err)
	}
	return read
}

// address returns a function that reads the address of a server, which may be a secret.
func (r *reader) address(key, text, file string) func() (string, error) {
	var read func() (string, error)
	switch {
	case (text == "") == (file == ""):
		r.fail(key, "write either url or url_file, the name of a file that contains the address")
		return nil
	case file != "":
		read = r.secret(key+".url_file", file)
	default:
		read = func() (string, error) { return text, nil }
	}
	if address, err := read(); err == nil {
		if err := send.CheckURL(address); err != nil {
			r.fail(key, "%w: %s", err, send.Advice(err))
		}
	}
	return read
}

// roots returns the authorities of a file; nil for the system's.
func (r *reader) roots(key, name string) *x509.CertPool {
	if name == "" {
		return nil
	}
	data, err := textfile.Read(r.path(name), maxCA)
	if err != nil {
		r.fail(key, "%w", err)
		return nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		r.fail(key, "%s contains no PEM certificate", name)
	}
	return pool
}

// client returns the client for a webhook; nil for the default.
func (r *reader) client(key, ca string) *http.Client {
	roots := r.roots(key, ca)
	if roots == nil {
		return nil
	}
	return send.Client(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
}

// fingerprint tells the addresses of one recipient apart, in an order that does not matter.
func fingerprint(address string) string {
	sum := sha256.Sum256([]byte(strings.ToLower(address)))
	return hex.EncodeToString(sum[:6])
}
