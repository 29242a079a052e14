package config

import (
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"filippo.io/age"
)

func withRecipients(list string) []byte {
	return []byte(strings.Replace(minimal, `["practice.pub"]`, list, 1))
}

func TestRecipientsFromKeysAndFiles(t *testing.T) {
	dir, keys := folder(t)
	more := []string{newHybrid(t), newHybrid(t)}
	write(t, filepath.Join(dir, "windows.pub"), "\ufeff# a remark\r\n\r\n  "+more[0]+"  \r\n")
	cfg, warnings, err := Parse(filepath.Join(dir, "u.toml"),
		withRecipients(`["`+more[1]+`", "windows.pub", "`+filepath.ToSlash(filepath.Join(dir, "practice.pub"))+`", "`+more[0]+
			`"]`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{more[1], more[0], keys[0], keys[1]}
	if !reflect.DeepEqual(cfg.Encrypt.Recipients, want) {
		t.Errorf("recipients are %q, want %q", cfg.Encrypt.Recipients, want)
	}
	found := false
	for _, w := range warnings {
		found = found || strings.Contains(w.What, "appears again, first in "+filepath.Join(dir, "windows.pub")+":3")
	}
	if !found {
		t.Errorf("no warning about the duplicate recipient: %v", warnings)
	}
}

// A duplicate is reported where it is: a file in the list, or a key at its line in a file.
func TestDuplicateRecipients(t *testing.T) {
	dir, keys := folder(t)
	write(t, filepath.Join(dir, "other.pub"), "\n"+keys[1]+"\n")
	write(t, filepath.Join(dir, "doubled.pub"), keys[0]+"\n"+keys[1]+"\n"+keys[0]+"\n")
	in := func(name string) string { return regexp.QuoteMeta(filepath.Join(dir, name)) }
	for list, expect := range map[string]string{
		`["practice.pub", "practice.pub"]`: `11 encrypt.recipients: file "practice.pub" appears again, first on line 11; keep one`,
		"[\n\"practice.pub\",\n\"../" + filepath.Base(dir) +
			"/practice.pub\"]": `13 encrypt.recipients: file "../.*/practice.pub" appears again, first on line 12`,
		`["practice.pub", "other.pub"]`: `2 encrypt.recipients: age1pq1.* appears again, first in ` +
			in("practice.pub") + `:5`,
		`["doubled.pub"]`: `3 encrypt.recipients: age1pq1.* appears again, first in ` +
			in("doubled.pub") + `:1`,
		"[\"practice.pub\",\n\"" + keys[1] + "\"]": `12 encrypt.recipients: age1pq1.* appears again, first in ` +
			in("practice.pub") + `:5`,
		"[\"" + keys[1] + "\",\n\"practice.pub\"]": `5 encrypt.recipients: age1pq1.* appears again, first in ` +
			in("u.toml") + `:11`,
	} {
		_, warnings, err := Parse(filepath.Join(dir, "u.toml"), withRecipients(list))
		if err != nil {
			t.Fatal(err)
		}
		warnings = slices.DeleteFunc(warnings, func(p Problem) bool { return !strings.Contains(p.What, "again") })
		matchAll(t, warnings, []string{expect})
	}
}

func TestBadRecipients(t *testing.T) {
	dir, keys := folder(t)
	classic := newClassic(t)
	write(t, filepath.Join(dir, "empty.pub"), "# nobody\n\n")
	write(t, filepath.Join(dir, "office.key"), "age-encryption.org/v1\n-> scrypt xxx 18\n")
	write(t, filepath.Join(dir, "typo.pub"), "# one\n"+keys[0][:200]+"\n"+classic[:61]+"\nhello\n")
	write(t, filepath.Join(dir, "classic.pub"), classic+"\n")
	write(t, filepath.Join(dir, "long.pub"), strings.Repeat("#\n", MaxFile))
	for name, c := range map[string]struct {
		list   string
		expect []string
	}{
		"none": {`[]`, []string{`11 encrypt.recipients: there are none, and nothing is recorded in clear`}},
		"not a list": {`"practice.pub"`,
			[]string{`11 encrypt.recipients: is text, not a list; write recipients = \["practice.pub"\]`}},
		"empty text": {`[""]`, []string{`11 encrypt.recipients: is empty`}},
		"missing file": {`["none.pub"]`,
			[]string{`11 encrypt.recipients: "none.pub": no such file or directory; put the file there`}},
		"folder": {`["."]`, []string{`11 encrypt.recipients: ".": not an ordinary file`}},
		"file of nothing": {`["empty.pub"]`,
			[]string{`11 encrypt.recipients: "empty.pub" contains no key; name a file of public keys`}},
		"encrypted key": {`["office.key"]`,
			[]string{`11 encrypt.recipients: something encrypted, perhaps the private key; keep that only in the office`}},
		"too long a file": {`["long.pub"]`, []string{`11 encrypt.recipients: longer than`}},
		"typing mistakes in a file": {`["typo.pub"]`, []string{
			`2 encrypt.recipients: not a whole public key: letters are missing or wrong`,
			`3 encrypt.recipients: "` + classic[:61] + `" is not a whole public key`,
			`4 encrypt.recipients: is not a public key; write one that starts with age1`}},
		"plugin": {`["age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t"]`,
			[]string{`11 encrypt.recipients: belongs to a plugin`}},
		"SSH key": {`["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI"]`,
			[]string{`11 encrypt.recipients: SSH keys are not supported`}},
		"classic among post-quantum ones": {`["` + keys[0] + `",` + "\n\"classic.pub\"]", []string{
			`1 encrypt.recipients: ` + classic +
				` is a classic key, and can't be mixed with the post-quantum key age1pq1.*u.toml:11; make a post-quantum key`}},
		"lines of a list": {"[\n  \"none.pub\",\n  5,\n  [],\n]", []string{
			`12 encrypt.recipients: "none.pub"`, `13 encrypt.recipients: is a number, not text`,
			`13 encrypt.recipients: is a list, not text`}},
		"too many": {`["` + strings.Join(manyClassic(t, maxRecipients+1), `","`) + `"]`,
			[]string{`11 encrypt.recipients: there are more than 20`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Parse(filepath.Join(dir, "u.toml"), withRecipients(c.list))
			errs, _ := err.(Errors)
			matchAll(t, errs, c.expect)
		})
	}
}

func manyClassic(t *testing.T, n int) []string {
	var keys []string
	for range n {
		keys = append(keys, newClassic(t))
	}
	return keys
}

// However a private key or a password gets into the file, it is refused, and no message repeats it.
func TestSecretsAreNeverRepeated(t *testing.T) {
	dir, _ := folder(t)
	classic, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{classic.String(), hybrid.String(), strings.ToLower(classic.String()),
		"hunter2-hunter2"} {
		write(t, filepath.Join(dir, "key.pub"), "# public key: age1…\n"+secret+"\n")
		write(t, filepath.Join(dir, "remark.pub"), "# "+secret+"\n")
		for name, text := range map[string]string{
			"a recipient":              string(withRecipients(`["` + secret + `"]`)),
			"a recipient, not quoted":  string(withRecipients(`[` + secret + `]`)),
			"a recipient, not closed":  string(withRecipients(`["` + secret)),
			"a recipient, with escape": string(withRecipients(`["\u0041` + secret[1:] + `"]`)),
			"a recipient, with blanks": string(withRecipients(`["  ` + secret + `\n"]`)),
			"a recipients file":        string(withRecipients(`["key.pub"]`)),
			"a recipients remark":      string(withRecipients(`["remark.pub"]`)),
			"a name":                   strings.Replace(minimal, `site = "high-street"`, `site = "`+secret+`!"`, 1),
			"a key":                    minimal + secret + " = 1\n",
			"a quoted key":             minimal + "\"" + secret + "\" = 1\n",
			"a section":                minimal + "[" + secret + "]\n",
			"a line":                   minimal + secret + "\n",
			"a file's name": minimal + "[mqtt]\nbroker = \"mqtts://b\"\nusername = \"u\"\npassword_file = \"" +
				secret + "\"\n",
			"a broker":        minimal + "[mqtt]\nbroker = \"mqtts://u:" + secret + "@b\"\n",
			"a broken broker": minimal + "[mqtt]\nbroker = \"mqtts://u:" + secret + "@b:x%zz\"\n",
			"a server": minimal + "[[store]]\nname = \"a\"\nkind = \"sftp\"\nkey = \"" + secret +
				"\"\nknown_hosts = \"/h\"\nurl = \"sftp://u:" + secret + "@b:port/\"\n",
			"an unknown key": minimal + "[mqtt]\nbroker = \"mqtts://b\"\npassword = \"" + secret + "\"\n",
		} {
			if !isPrivate(secret) && !strings.Contains(text, "password") && !strings.Contains(text, "://u:") {
				continue // not a secret there
			}
			t.Run(name, func(t *testing.T) {
				_, warnings, err := Parse(filepath.Join(dir, "u.toml"), []byte(text))
				if err == nil {
					t.Fatal("no error")
				}
				messages := err.Error()
				for _, w := range warnings {
					messages += "\n" + w.String()
				}
				// A message may say where the secret is, but not what it is.
				body := secret[len(secret)-11:]
				if strings.Contains(strings.ToUpper(messages), strings.ToUpper(body)) {
					t.Errorf("repeated in:\n%s", messages)
				}
				if isPrivate(secret) && !strings.Contains(messages, "private key") {
					t.Errorf("no message says that it is a private key:\n%s", messages)
				}
			})
		}
	}
}

// A private key is reported once, with the key of its value. It is reported even in a comment.
func TestPrivateKeyIsReportedOnce(t *testing.T) {
	dir, _ := folder(t)
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	const messages = `here is a private key.*; remove it, keep it only in the office`
	for text, expect := range map[string]string{
		"# " + id.String() + "\n" + minimal:                 `1 : ` + messages,
		string(withRecipients(`["` + id.String() + `"]`)):   `11 encrypt.recipients: ` + messages,
		string(withRecipients("[\n'" + id.String() + "']")): `12 encrypt.recipients: ` + messages,
	} {
		_, _, err = Parse(filepath.Join(dir, "u.toml"), []byte(text))
		errs, _ := err.(Errors)
		matchAll(t, errs, []string{expect})
	}
}
