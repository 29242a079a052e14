package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"filippo.io/age"

	"tacet/config/office"
)

// maxRecipients is the most recipients. A hybrid one takes 1.6 KB of each recording.
const maxRecipients = 20

// recipient is a public key, and where it was found.
type recipient struct {
	key    string
	hybrid bool
	from   Problem // File, Line and Key
}

// keyring collects recipients.
type keyring struct {
	c    *checker
	list []recipient
	seen map[string]recipient
	read []listedFile // files that have been read
	bad  bool         // a recipient was refused

	office *office.Key // must have signed the files; nil if nobody must
	lists  []string    // contents of the files with good signatures
}

// listedFile is a file in the list, by whatever name.
type listedFile struct {
	info os.FileInfo
	line int
}

func (c *checker) encrypt(cfg *Config) {
	defer c.fallBackToKept(cfg, c.errors)
	c.missing("encrypt", "the section is missing, and nothing is recorded in clear",
		`write [encrypt], and below it recipients = ["practice.pub"]`)
	b := c.block("encrypt")
	b.require("recipients", `["practice.pub"], the file that tacet keygen printed`)
	v, ok := b.get("recipients", kindList, `["practice.pub"], between brackets`)
	if !ok {
		return
	}
	k := &keyring{c: c, seen: map[string]recipient{}, office: c.officeKey}
	for _, item := range v.items {
		if item.kind == kindBroken {
			k.bad = true
			continue
		}
		from := Problem{File: c.file, Line: item.line, Key: b.key("recipients")}
		if item.kind != kindText {
			k.refuse(from, fmt.Sprintf("is %s, not text", item.kind), `write files and public keys, each in quotes`)
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

// keys returns the recipients' keys.
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

// looksLikeKey distinguishes keys of any kind from names of files.
var looksLikeKey = regexp.MustCompile(`^([aA][gG][eE]1[0-9a-zA-Z]*$|ssh-|ecdsa-)`)

// take adds an item of the list: a key, or a file of keys.
func (k *keyring) take(s string, from Problem) {
	s = strings.TrimSpace(s)
	switch {
	case s == "":
		k.refuse(from, "is empty", "write a file's name, or a public key, age1…")
	case looksLikeKey.MatchString(s) && k.office != nil && !isPrivate(s):
		k.refuse(from, "here is a key, and not a file that the office has signed",
			"put it into a file, sign that in the office (tacet sign -i office.key practice.pub), and name the file")
	case looksLikeKey.MatchString(s):
		k.add(s, from)
	default:
		k.file(s, from)
	}
}

// add adds one key.
func (k *keyring) add(s string, from Problem) {
	r := recipient{key: s, from: from}
	_, classic := age.ParseX25519Recipient(s)
	_, hybrid := age.ParseHybridRecipient(s)
	switch {
	case hybrid == nil:
		r.hybrid = true
	case classic == nil:
	case isPrivate(s):
		k.refuse(from, "here is a private key, which could open recordings",
			"keep it only in the office, never on a unit, and write its public key, age1…, instead")
		return
	case strings.HasPrefix(s, "ssh-") || strings.HasPrefix(s, "ecdsa-"):
		k.refuse(from, "SSH keys are not supported", "make a key with tacet keygen, and write the public key that it prints")
		return
	case strings.HasPrefix(s, "age1"):
		k.refuse(from, quote(s)+" is not a whole public key: letters are missing or wrong, or it belongs to a plugin",
			"copy it again, all in one line, or make one with tacet keygen")
		return
	default:
		k.refuse(from, "is not a public key", "write one that starts with age1; a comment starts with #")
		return
	}
	if first, duplicate := k.seen[s]; duplicate {
		from.What, from.Instead = shortKey(s)+" appears again, first in "+first.from.Where(), "keep one of the two"
		k.c.warnings.add(from)
		return
	}
	k.seen[s] = r
	k.list = append(k.list, r)
}

// file adds the keys in a file, one on a line, with comments. Its name may be relative to the
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
	case errors.Is(err, fs.ErrPermission):
		k.refuse(from, fmt.Sprintf("file %s: %v", quote(name), cause(err)),
			"let the service's user read it: the recipients are no secret, so its mode may be 0644")
	case err != nil:
		k.refuse(from, fmt.Sprintf("file %s: %v", quote(name), cause(err)),
			"put the file there, or write the public key itself, age1…")
		return
	case len(data) > MaxFile:
		k.refuse(from, fmt.Sprintf("file %s is longer than %d bytes", quote(name), MaxFile), wanted)
		return
	case bytes.HasPrefix(data, []byte("age-encryption.org/")) || bytes.HasPrefix(data, []byte("-----BEGIN ")):
		k.refuse(from, fmt.Sprintf("file %s contains no public keys but something encrypted, perhaps the private key",
			quote(name)),
			"keep that only in the office, never on a unit, and "+wanted)
		return
	}
	for _, other := range k.read {
		if os.SameFile(other.info, info) {
			from.What, from.Instead = fmt.Sprintf("file %s appears again, first on line %d", quote(name), other.line),
				"keep one of the two"
			k.c.warnings.add(from)
			return
		}
	}
	k.read = append(k.read, listedFile{info, from.Line})
	text, err := k.signed(data)
	if err != nil {
		k.refuse(from, fmt.Sprintf("file %s %v", quote(name), err),
			"find out who changed it; if it is right, sign it in the office: tacet sign -i office.key "+
				filepath.Base(name))
		return
	}
	if !k.lines(text, full, from) {
		k.refuse(from, fmt.Sprintf("file %s contains no key", quote(name)), wanted)
	}
}

// maxWrongLines is how many lines of a file that are not keys are reported one by one. A file with
// more is hardly a list of keys.
const maxWrongLines = 3

// lines adds the keys in the lines of a file. It reports whether there was any line but comments.
func (k *keyring) lines(text, file string, from Problem) (found bool) {
	wrong := 0
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") && !privateKey.MatchString(line) {
			continue
		}
		found = true
		if !strings.HasPrefix(strings.ToLower(line), "age1") && !isPrivate(line) {
			if wrong++; wrong > maxWrongLines {
				k.refuse(Problem{File: file, Line: i + 1, Key: from.Key}, "this line and those after it are no keys either",
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

// finish checks the recipients as a whole.
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

// shortKey is enough of a public key to recognise it.
func shortKey(s string) string {
	if len(s) <= 32 {
		return s
	}
	return s[:16] + "…" + s[len(s)-8:]
}

// Recipients reads public keys as [encrypt] recipients does: each name is a key, or a file of keys
// in the current folder. Classic and post-quantum keys may be mixed here, because an office may
// have had both over the years. The error is of type Errors.
func Recipients(named []string) ([]string, error) {
	c := &checker{file: "recipients"}
	k := &keyring{c: c, seen: map[string]recipient{}}
	for _, s := range named {
		k.take(s, Problem{File: c.file})
	}
	if len(k.list) > maxRecipients {
		c.fail(0, "", fmt.Sprintf("there are more than %d", maxRecipients), "name fewer")
	}
	if len(c.errors.list) > 0 {
		return nil, c.errors.sorted(c.file)
	}
	var keys []string
	for _, r := range k.list {
		keys = append(keys, r.key)
	}
	return keys, nil
}
