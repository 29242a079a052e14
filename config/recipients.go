package config

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"filippo.io/age"

	"tacet/config/office"
)

// maxRecipients bounds what each recording's key is encrypted to: a hybrid recipient takes 1.6 KB
// of each file.
const maxRecipients = 20

// recipient is a public key, and where it was found.
type recipient struct {
	key    string
	hybrid bool
	from   Problem // File, Line and Key
}

// keyring collects the recipients.
type keyring struct {
	c    *checker
	list []recipient
	seen map[string]recipient
	read []listed // the files that have been read
	bad  bool     // something meant as a recipient was refused

	office *office.Key // who must have signed the files; nil: nobody
	lists  []string    // the files, whose signatures hold
}

// listed is a file in the list, whatever it is called there.
type listed struct {
	info os.FileInfo
	line int
}

func (c *checker) encrypt(cfg *Config) {
	defer c.unsaid(cfg, c.errors)
	c.missing("encrypt", "the section is missing, and nothing is recorded in clear",
		`write [encrypt], and below it recipients = ["practice.pub"]`)
	b := c.block("encrypt")
	b.require("recipients", `["practice.pub"], the file that tacet keygen printed`)
	v, ok := b.get("recipients", aList, `["practice.pub"], between brackets`)
	if !ok {
		return
	}
	k := &keyring{c: c, seen: map[string]recipient{}, office: c.officeKey}
	for _, item := range v.items {
		if item.kind == broken {
			k.bad = true
			continue
		}
		from := Problem{File: c.file, Line: item.line, Key: b.key("recipients")}
		if item.kind != aText {
			k.refuse(from, fmt.Sprintf("is %s, not text", item.kind), `write files and public keys, each between quotes`)
			continue
		}
		k.take(item.text, from)
	}
	k.finish(b)
	cfg.Encrypt.Recipients = k.keys()
	if cfg.Office != nil {
		cfg.Office.lists = k.lists
	}
}

// keys are the recipients themselves.
func (k *keyring) keys() (keys []string) {
	for _, r := range k.list {
		keys = append(keys, r.key)
	}
	return keys
}

func (k *keyring) refuse(from Problem, what, instead string) {
	k.bad = true
	from.What, from.Instead = what, instead
	k.c.errors.add(from)
}

// looksLikeKey tells keys, of whichever kind, from names of files.
var looksLikeKey = regexp.MustCompile(`^([aA][gG][eE]1[0-9a-zA-Z]*$|ssh-|ecdsa-)`)

// take takes what stands in the list: a key, or the name of a file of them.
func (k *keyring) take(s string, from Problem) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		k.refuse(from, "is empty", "write a file's name, or a public key, age1…")
	case looksLikeKey.MatchString(s) && k.office != nil && !isPrivate(s):
		k.refuse(from, "a key stands here itself, and not in a file that the office has signed",
			"put it into a file, sign that in the office (tacet sign -i office.key practice.pub), and name the file")
	case looksLikeKey.MatchString(s):
		k.add(s, from)
	default:
		k.file(s, from)
	}
}

// add takes one key.
func (k *keyring) add(s string, from Problem) {
	r := recipient{key: s, from: from}
	_, classic := age.ParseX25519Recipient(s)
	_, hybrid := age.ParseHybridRecipient(s)
	switch {
	case hybrid == nil:
		r.hybrid = true
	case classic == nil:
	case isPrivate(s):
		k.refuse(from, "a private key stands here, which could open recordings",
			"keep it in the office alone, never on a unit, and write its public key, age1…, in its place")
		return
	case strings.HasPrefix(s, "ssh-") || strings.HasPrefix(s, "ecdsa-"):
		k.refuse(from, "SSH keys are not taken", "make a key with tacet keygen, and write the public key that it prints")
		return
	case strings.HasPrefix(s, "age1"):
		k.refuse(from, shown(s)+" is not a whole public key: letters are missing or wrong, or it belongs to a plugin",
			"copy it again, all in one line, or make one with tacet keygen")
		return
	default:
		k.refuse(from, "is not a public key", "write one that begins with age1; a remark begins with #")
		return
	}
	if first, twice := k.seen[s]; twice {
		from.What, from.Instead = shortKey(s)+" stands here again, first in "+first.from.Where(), "keep one of the two"
		k.c.warnings.add(from)
		return
	}
	k.seen[s] = r
	k.list = append(k.list, r)
}

// file takes a file of keys, one in each line, with remarks. Its name may be relative to the
// config's folder.
func (k *keyring) file(name string, from Problem) {
	full := name
	if !isAbs(name) {
		full = filepath.Join(k.c.dir, name)
	}
	info, err := os.Stat(full)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("not an ordinary file")
	}
	var data []byte
	if err == nil {
		data, err = readFile(full)
	}
	const wanted = "name a file of public keys, as tacet keygen prints them"
	switch {
	case err != nil:
		k.refuse(from, fmt.Sprintf("file %s: %v", shown(name), cause(err)),
			"put the file there, or write the public key itself, age1…")
		return
	case len(data) > MaxFile:
		k.refuse(from, fmt.Sprintf("file %s is longer than %d bytes", shown(name), MaxFile), wanted)
		return
	case bytes.HasPrefix(data, []byte("age-encryption.org/")) || bytes.HasPrefix(data, []byte("-----BEGIN ")):
		k.refuse(from, fmt.Sprintf("file %s holds no public keys, but something encrypted: perhaps the private key",
			shown(name)),
			"keep that in the office alone, never on a unit, and "+wanted)
		return
	}
	for _, other := range k.read {
		if os.SameFile(other.info, info) {
			from.What, from.Instead = fmt.Sprintf("file %s stands here again, first on line %d", shown(name), other.line),
				"keep one of the two"
			k.c.warnings.add(from)
			return
		}
	}
	k.read = append(k.read, listed{info, from.Line})
	text, err := k.signed(data)
	if err != nil {
		k.refuse(from, fmt.Sprintf("file %s %v", shown(name), err),
			"find out who changed it; if it is as it should be, sign it in the office: tacet sign -i office.key "+
				filepath.Base(name))
		return
	}
	if !k.lines(text, full, from) {
		k.refuse(from, fmt.Sprintf("file %s holds no key", shown(name)), wanted)
	}
}

// fewLines is how many lines of a file that aren't keys are named one by one. With more it is
// hardly a list of keys at all.
const fewLines = 3

// lines takes the lines of a file, and reports whether one of them is more than a remark.
func (k *keyring) lines(text, file string, from Problem) (found bool) {
	wrong := 0
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") && !privateKey.MatchString(line) {
			continue
		}
		found = true
		if !strings.HasPrefix(strings.ToLower(line), "age1") && !isPrivate(line) {
			if wrong++; wrong > fewLines {
				k.refuse(Problem{File: file, Line: i + 1, Key: from.Key}, "nor are this and what follows keys",
					"name a file of public keys, as tacet keygen prints them")
				break
			}
		}
		k.add(line, Problem{File: file, Line: i + 1, Key: from.Key})
		if len(k.list) > maxRecipients || k.c.errors.more > 0 {
			break
		}
	}
	return found
}

// finish checks what all the recipients are together.
func (k *keyring) finish(b block) {
	const key = "recipients"
	if len(k.list) > maxRecipients {
		b.fail(key, fmt.Sprintf("there are more than %d", maxRecipients),
			"name those who must be able to open recordings, and no more")
		return
	}
	if len(k.list) == 0 {
		if !k.bad {
			b.fail(key, "there are none, and nothing is recorded in clear",
				`write [encrypt] recipients = ["practice.pub"], the file that tacet keygen printed`)
		}
		return
	}
	var classic, hybrid []recipient
	for _, r := range k.list {
		if r.hybrid {
			hybrid = append(hybrid, r)
		} else {
			classic = append(classic, r)
		}
	}
	switch {
	case len(classic) > 0 && len(hybrid) > 0:
		for _, r := range classic {
			k.refuse(r.from, fmt.Sprintf("%s is a classic key, and can't be mixed with the post-quantum key %s in %s", r.key,
				shortKey(hybrid[0].key), hybrid[0].from.Where()),
				"make a post-quantum key in its place with tacet keygen, or name classic keys alone")
		}
	case len(classic) > 0:
		b.warn(key, "a classic key: recordings kept for long could be opened by a quantum computer one day",
			"make a post-quantum one with tacet keygen")
	}
	if len(k.list) == 1 && !k.bad {
		b.warn(key, "there is only one: if its private key is lost, so is every recording",
			"add a second one, kept elsewhere")
	}
}

// shortKey is enough of a public key to know it by.
func shortKey(s string) string {
	if len(s) <= 32 {
		return s
	}
	return s[:16] + "…" + s[len(s)-8:]
}
