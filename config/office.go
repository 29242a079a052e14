package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tacet/config/office"
)

// Office is the office whose word counts: recipients and drives are those that it has signed.
type Office struct {
	Key string // its verifier key, tacet-office/NAME+…

	// Refused says what is wrong with the recipients as the file has them, where others are in use:
	// the last that were good.
	Refused []Problem `json:",omitempty"`

	lists []string // the signed files that the recipients came from
}

// Kept is what a unit keeps of recipients that are good, for LoadUnit to fall back on; nil if these
// are such a fallback already.
func (o *Office) Kept() []byte {
	if len(o.Refused) > 0 || len(o.lists) == 0 {
		return nil
	}
	data, err := json.Marshal(o.lists)
	if err != nil {
		panic("config: " + err.Error()) // texts: json takes them all
	}
	return data
}

// MaxKept bounds what a unit keeps, in bytes.
const MaxKept = 2 * maxRecipients * office.MaxList

// LoadUnit is Load for the unit itself. Where the office's signature doesn't hold for the
// recipients, but does for those that were kept, these count: [Office].Refused then says so.
func LoadUnit(path string, kept []byte) (*Config, []Problem, error) { return load(path, kept) }

// office reads the office's key. It may lie beside the config, since recipients are proved at the
// desk too.
func (c *checker) office(cfg *Config) {
	b := c.block("office")
	if !b.there {
		if c.root.keys["office"] == nil && !c.damaged {
			c.warn(c.root.line, "office", "no office vouches for the recipients and the drives: whoever can write on the unit's disk can add some",
				`write [office], and below it key = "/etc/tacet/office.vkey", the file that tacet keygen made, or tacet sign makes`)
		}
		return
	}
	if !b.require("key", `"/etc/tacet/office.vkey"`) {
		return
	}
	v, ok := b.get("key", aText, `"/etc/tacet/office.vkey"`)
	if !ok {
		return
	}
	data, err := c.readBeside(v.text)
	if err != nil {
		b.fail("key", fmt.Sprintf("file %s: %v; without it nobody can tell whether the recipients are the office's",
			shown(v.text), cause(err)),
			"put it there, or beside this file; tacet keygen makes it, or tacet sign")
		return
	}
	key, err := office.ParseKey(strings.TrimSpace(string(data)))
	if err != nil {
		b.fail("key", fmt.Sprintf("file %s %v", shown(v.text), err),
			"name the .vkey file that tacet keygen made, or tacet sign")
		return
	}
	c.officeKey = &key
	cfg.Office = &Office{Key: key.String()}
}

// readBeside reads a file by its name on the unit, by a name relative to the config's folder, or,
// where the unit's files aren't here, beside the config.
func (c *checker) readBeside(name string) ([]byte, error) {
	if !isAbs(name) {
		return readFile(filepath.Join(c.dir, name))
	}
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		if beside := filepath.Join(c.dir, filepath.Base(filepath.FromSlash(name))); beside != name {
			if data, err := readFile(beside); err == nil {
				return data, nil
			}
		}
	}
	return readFile(name)
}

// signed returns the list in a file of recipients, which the office must have signed where there is
// one.
func (k *keyring) signed(data []byte) (string, error) {
	if k.office == nil {
		return string(data), nil
	}
	text, err := k.office.OpenList(data)
	if err == nil {
		k.lists = append(k.lists, string(data))
	}
	return text, err
}

// unsaid puts the recipients that were kept in the place of those that the office didn't sign.
// since is what the errors were before them.
func (c *checker) unsaid(cfg *Config, since problems) {
	if len(c.errors.list) == len(since.list) || c.officeKey == nil || c.kept == nil {
		return
	}
	keys, err := c.fromKept()
	if err != nil {
		c.fail(c.block("encrypt").line("recipients"), "encrypt.recipients",
			fmt.Sprintf("nor can those be used that the unit has kept: %v", err),
			"bring a list that the office has signed")
		return
	}
	cfg.Encrypt.Recipients = keys
	cfg.Office.Refused = append([]Problem(nil), c.errors.list[len(since.list):]...)
	for _, p := range cfg.Office.Refused {
		c.warnings.add(p)
	}
	c.errors = since
}

// fromKept reads the recipients that were kept. Each list proves itself.
func (c *checker) fromKept() ([]string, error) {
	var lists []string
	if len(c.kept) > MaxKept || json.Unmarshal(c.kept, &lists) != nil || len(lists) > maxRecipients {
		return nil, errors.New("they can't be read")
	}
	k := &keyring{c: &checker{file: c.file, dir: c.dir}, seen: map[string]recipient{}}
	for _, list := range lists {
		text, err := c.officeKey.OpenList([]byte(list))
		if err != nil {
			return nil, fmt.Errorf("the list %w", err)
		}
		k.lines(text, "", Problem{Key: "encrypt.recipients"})
	}
	if k.bad || len(k.list) == 0 || len(k.list) > maxRecipients {
		return nil, errors.New("they are not public keys")
	}
	return k.keys(), nil
}
