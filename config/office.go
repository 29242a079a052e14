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

// Office is the office that signs recipients and drives.
type Office struct {
	Key string // its verifier key, tacet-office/NAME+…

	// Refused says what is wrong with the file's recipients if the last signed ones are in use
	// instead.
	Refused []Problem `json:",omitempty"`

	lists []string // contents of the signed files that the recipients came from
}

// Kept returns the signed recipients for a unit to keep, as LoadUnit takes them. It returns nil if
// these are kept ones already.
func (o *Office) Kept() []byte {
	if len(o.Refused) > 0 || len(o.lists) == 0 {
		return nil
	}
	data, err := json.Marshal(o.lists)
	if err != nil {
		panic("config: " + err.Error()) // strings
	}
	return data
}

// MaxKept is the most that Kept returns, in bytes.
const MaxKept = 2 * maxRecipients * office.MaxList

// LoadUnit is Load on the unit. If the office has not signed the recipients, the kept ones are
// used, and [Office].Refused says why.
func LoadUnit(path string, kept []byte) (*Config, []Problem, error) { return load(path, kept) }

// office reads the office's key. It may be beside the config, because the desk checks signatures
// too.
func (c *checker) office(cfg *Config) {
	b := c.block("office")
	if !b.there {
		if c.root.keys["office"] == nil && !c.damaged {
			c.warn(c.root.line, "office", "there is no office to sign recipients and drives: anybody who can write to the unit's disk can add some",
				`write [office], and below it key = "/etc/tacet/office.vkey", the file that tacet keygen or tacet sign makes`)
		}
		return
	}
	if !b.require("key", `"/etc/tacet/office.vkey"`) {
		return
	}
	v, ok := b.get("key", kindText, `"/etc/tacet/office.vkey"`)
	if !ok {
		return
	}
	data, err := c.readBeside(v.text)
	if err != nil {
		b.fail("key", fmt.Sprintf("file %s: %v; without it the recipients' signatures can't be checked",
			quote(v.text), cause(err)),
			"put it there, or beside this file; tacet keygen or tacet sign makes it")
		return
	}
	key, err := office.ParseKey(strings.TrimSpace(string(data)))
	if err != nil {
		b.fail("key", fmt.Sprintf("file %s %v", quote(v.text), err),
			"name the .vkey file that tacet keygen or tacet sign made")
		return
	}
	c.officeKey = &key
	cfg.Office = &Office{Key: key.String()}
}

// readBeside reads a file by its path on the unit or relative to the config's folder. If the unit's
// file is missing here, it looks beside the config.
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

// signed returns the list in a recipients file. If there is an office, the office must have signed
// it.
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

// fallBackToKept replaces recipients that the office has not signed with the kept ones. since are
// the errors before the recipients were read.
func (c *checker) fallBackToKept(cfg *Config, since problems) {
	if len(c.errors.list) == len(since.list) || c.officeKey == nil || c.kept == nil {
		return
	}
	keys, err := c.keptRecipients()
	if err != nil {
		c.fail(c.block("encrypt").line("recipients"), "encrypt.recipients",
			fmt.Sprintf("the recipients that the unit has kept can't be used either: %v", err),
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

// keptRecipients reads the kept recipients, and checks their signatures.
func (c *checker) keptRecipients() ([]string, error) {
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
