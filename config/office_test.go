package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"tacet/config/office"
	"tacet/config/textfile/textfiletest"
)

// testOffice is an office with its signing key.
type testOffice struct {
	key    string
	signer office.Signer
}

func newTestOffice(name string) testOffice {
	private, public, err := office.NewKey(name)
	if err != nil {
		panic(err)
	}
	s, err := office.ParseSigner(private)
	if err != nil {
		panic(err)
	}
	return testOffice{public, s}
}

var theOffice, otherOffice = newTestOffice("high-street"), newTestOffice("high-street")

func (s testOffice) sign(t testing.TB, list string) string {
	t.Helper()
	signed, err := office.SignList([]byte(list), s.signer)
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

// withOffice is the minimal file with an office and this list of recipients.
func withOffice(list string) string {
	return string(withRecipients(list)) + "\n[office]\nkey = \"/etc/nowhere/office.vkey\"\n"
}

// Recipients from signed files.
func TestSignedRecipients(t *testing.T) {
	dir, keys := folder(t)
	more := newHybrid(t)
	write(t, filepath.Join(dir, "second.pub"), strings.ReplaceAll(theOffice.sign(t, more+"\n"), "\n", "\r\n"))
	file := filepath.Join(dir, "u.toml")
	for list, want := range map[string][]string{
		`["practice.pub"]`:                 keys,
		`["second.pub", "practice.pub"]`:   {more, keys[0], keys[1]},
		`["practice.pub", "practice.pub"]`: keys,
	} {
		cfg, warnings, err := Parse(file, []byte(withOffice(list)))
		if err != nil {
			t.Fatalf("%s: %v", list, err)
		}
		if !reflect.DeepEqual(cfg.Encrypt.Recipients, want) || cfg.Office.Key != theOffice.key || cfg.Office.Refused != nil {
			t.Errorf("%s: %q, %+v", list, cfg.Encrypt.Recipients, cfg.Office)
		}
		if slices.ContainsFunc(warnings, func(p Problem) bool { return p.Key == "office" }) {
			t.Errorf("with an office, a warning says that there is none: %v", warnings)
		}
	}
}

// altered are recipients that the office has not signed, and what must be reported.
func altered(t *testing.T, dir string, keys []string) map[string]string {
	data, err := os.ReadFile(filepath.Join(dir, "practice.pub"))
	if err != nil {
		t.Fatal(err)
	}
	signed, more := string(data), newHybrid(t)
	for name, text := range map[string]string{
		"added.pub":     signed + more + "\n",
		"first.pub":     more + "\n" + signed,
		"removed.pub":   strings.Replace(signed, keys[1]+"\n", "", 1),
		"reordered.pub": strings.NewReplacer(keys[0], keys[1], keys[1], keys[0]).Replace(signed),
		"other.pub":     otherOffice.sign(t, more+"\n"),
		"unsigned.pub":  more + "\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	return map[string]string{
		`["added.pub"]`:                    `11 encrypt.recipients: file "added.pub" was changed after the office signed it.*; find out who changed it.*tacet sign -i office.key added.pub`,
		`["first.pub"]`:                    `11 encrypt.recipients: file "first.pub" was changed`,
		`["removed.pub"]`:                  `11 encrypt.recipients: file "removed.pub" was changed`,
		`["reordered.pub"]`:                `11 encrypt.recipients: file "reordered.pub" was changed`,
		`["other.pub"]`:                    `11 encrypt.recipients: file "other.pub" was changed.*, or another office signed it`,
		`["unsigned.pub"]`:                 `11 encrypt.recipients: file "unsigned.pub" is not signed by the office`,
		`["practice.pub", "unsigned.pub"]`: `11 encrypt.recipients: file "unsigned.pub" is not signed by the office`,
		`["` + more + `"]`:                 `11 encrypt.recipients: here is a key, and not a file`,
		`["practice.pub", "` + more + `"]`: `11 encrypt.recipients: here is a key, and not a file`,
		`["gone.pub"]`:                     `11 encrypt.recipients: file "gone.pub": no such file`,
		`[]`:                               `11 encrypt.recipients: there are none`,
	}
}

// Recipients that the office has not signed can't be used.
func TestUnsignedRecipients(t *testing.T) {
	dir, keys := folder(t)
	for list, want := range altered(t, dir, keys) {
		cfg, _, err := Parse(filepath.Join(dir, "u.toml"), []byte(withOffice(list)))
		errs, _ := err.(Errors)
		if cfg != nil || len(errs) == 0 {
			t.Fatalf("%s: %+v, %v", list, cfg, err)
		}
		matchAll(t, errs, []string{want})
	}
}

// The unit keeps using the last good list, and reports what is wrong with the present one.
func TestKeptRecipients(t *testing.T) {
	dir, keys := folder(t)
	file := filepath.Join(dir, "u.toml")
	write(t, file, withOffice(`["practice.pub"]`))
	good, _, err := LoadUnit(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	kept := good.Office.Kept()
	for list, want := range altered(t, dir, keys) {
		write(t, file, withOffice(list))
		cfg, warnings, err := LoadUnit(file, kept)
		if err != nil {
			t.Fatalf("%s: %v", list, err)
		}
		if !reflect.DeepEqual(cfg.Encrypt.Recipients, keys) {
			t.Errorf("%s: %q, want those that were kept", list, cfg.Encrypt.Recipients)
		}
		matchAll(t, cfg.Office.Refused, []string{want})
		if !slices.Contains(warnings, cfg.Office.Refused[0]) || cfg.Office.Kept() != nil || cfg.Hash() == good.Hash() {
			t.Errorf("%s: warnings %v, to be kept: %d bytes", list, warnings, len(cfg.Office.Kept()))
		}
		if _, _, err := Load(file); err == nil {
			t.Errorf("%s: no error at a desk", list)
		}
		for what, bad := range map[string][]byte{
			"nothing": nil, "rubbish": []byte("x"), "an unsigned list": []byte(`["` + keys[0] + `\n"]`), "no list": []byte(`[]`),
			"another office's": []byte(`["` + strings.ReplaceAll(otherOffice.sign(t, keys[0]+"\n"), "\n", `\n`) + `"]`),
			"a changed one":    []byte(strings.Replace(string(kept), "safe", "café", 1)),
		} {
			if cfg, _, err := LoadUnit(file, bad); err == nil {
				t.Errorf("%s: with %s kept the recipients are %q", list, what, cfg.Encrypt.Recipients)
			}
		}
	}
}

// Kept recipients don't hide other errors.
func TestKeptRecipientsHideNoOtherErrors(t *testing.T) {
	dir, _ := folder(t)
	file := filepath.Join(dir, "u.toml")
	write(t, file, withOffice(`["practice.pub"]`))
	good, _, err := LoadUnit(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(withOffice(`["gone.pub"]`), "site =", "sit =", 1)
	write(t, file, text)
	if _, _, err := LoadUnit(file, good.Office.Kept()); err == nil || strings.Contains(err.Error(), "gone.pub") {
		t.Errorf("errors: %v", err)
	}
	write(t, file, string(withRecipients(`["gone.pub"]`)))
	if _, _, err := LoadUnit(file, good.Office.Kept()); err == nil {
		t.Error("kept recipients are used without an office")
	}
}

func TestOfficeKey(t *testing.T) {
	dir, _ := folder(t)
	write(t, filepath.Join(dir, "empty.vkey"), "")
	write(t, filepath.Join(dir, "unit.vkey"), "tacet/high-street/room-3+00000000+AAAA\n")
	write(t, filepath.Join(dir, "windows.vkey"), "\ufeff"+theOffice.key+"\r\n")
	for key, want := range map[string]string{
		`"/etc/nowhere/none.vkey"`:   `no such file`,
		`"none.vkey"`:                `no such file`,
		`"empty.vkey"`:               `is not the public half of an office's key`,
		`"unit.vkey"`:                `is not the public half of an office's key`,
		`1`:                          `is a number, not text`,
		`"windows.vkey"`:             "",
		`"/etc/nowhere/office.vkey"`: "",
	} {
		text := strings.Replace(withOffice(`["practice.pub"]`), `"/etc/nowhere/office.vkey"`, key, 1)
		_, _, err := Parse(filepath.Join(dir, "u.toml"), []byte(text))
		if want == "" && err != nil || want != "" &&
			(err == nil || !strings.Contains(err.Error(), "office.key: ") || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", key, err, want)
		}
	}
	write(t, filepath.Join(dir, "office.vkey"), theOffice.key+"\n")
	for _, name := range []string{"office.vkey", "practice.pub"} {
		textfiletest.SavedOnWindows(t, func(way string) {
			text := strings.Replace(withOffice(`["practice.pub"]`), `"/etc/nowhere/office.vkey"`, `"office.vkey"`, 1)
			cfg, _, err := Parse(filepath.Join(dir, "u.toml"), []byte(text))
			// The signature's dash can't be told from other bytes if nothing says that it is UTF-16.
			if name == "practice.pub" && way == "UTF-16 unmarked" {
				if err == nil || !strings.Contains(err.Error(), "other than plain text on line 1") {
					t.Errorf("%s, %s: %v", name, way, err)
				}
			} else if err != nil || cfg.Office.Key != theOffice.key {
				t.Errorf("%s, %s: %v", name, way, err)
			}
		}, filepath.Join(dir, name))
	}
	_, warnings, err := Parse(filepath.Join(dir, "u.toml"), withRecipients(`["practice.pub"]`))
	if err != nil || !slices.ContainsFunc(warnings,
		func(p Problem) bool { return p.Key == "office" && strings.Contains(p.Instead, "office.vkey") }) {
		t.Errorf("without an office: %v, %v", warnings, err)
	}
}
