package recording_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"unicode/utf16"

	"filippo.io/age"
	"filippo.io/age/armor"

	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// fromWindows returns text as PowerShell's > writes it.
func fromWindows(text string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + strings.ReplaceAll(text, "\n", "\r\n"))) {
		b = append(b, byte(u), byte(u>>8))
	}
	return string(b)
}

// locked encrypts text with a passphrase that takes no time to try.
func locked(t *testing.T, text, passphrase string, armored bool) string {
	t.Helper()
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	to.SetWorkFactor(10)
	var b bytes.Buffer
	out := armor.NewWriter(&b)
	if !armored {
		out = discardClose{&b}
	}
	w, err := age.Encrypt(out, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

type discardClose struct{ *bytes.Buffer }

func (discardClose) Close() error { return nil }

// A key is the same key whatever an editor or a shell did to its file.
func TestIdentitiesInEveryEncoding(t *testing.T) {
	for _, kind := range []bool{recordingtest.Hybrid, recordingtest.Classic} {
		office := recordingtest.NewOffice(t, kind)
		text := "# created: 2026-11-21\n# public key: " + office.Recipient + "\n" + office.Secret + "\n"
		sealed := locked(t, text, "correct horse", true)
		for name, file := range map[string]string{
			"as it was made": text, "a mark": "\ufeff" + text, "CRLF": strings.ReplaceAll(text, "\n", "\r\n"),
			"UTF-16": fromWindows(text), "spaces": "  " + office.Secret + " \n\n",
			"armored": sealed, "armored, a mark": "\ufeff" + sealed, "armored, UTF-16": fromWindows(sealed),
			"armored, after a line": "\n" + sealed,
			"locked":                locked(t, text, "correct horse", false),
			"locked, a mark within": locked(t, "\ufeff"+text, "correct horse", false),
			"locked, UTF-16 within": locked(t, fromWindows(text), "correct horse", false),
		} {
			ids, err := recording.ParseIdentities(strings.NewReader(file),
				func() (string, error) { return "correct horse", nil })
			if err != nil || len(ids) != 1 {
				t.Errorf("%s: %d keys, %v", name, len(ids), err)
			}
		}
	}
}

// All passphrases are tried in order, and asked for once.
func TestPassphrasesAreTriedInTurn(t *testing.T) {
	office := recordingtest.NewOffice(t, recordingtest.Hybrid)
	for _, c := range []struct {
		with  string
		tries []string
		opens bool
	}{
		{"horse", []string{"horse"}, true}, {"horse", []string{"horse", "\ufeffhorse"}, true},
		{"\ufeffhorse", []string{"horse", "\ufeffhorse"}, true},
		{"\ufeffhorse", []string{"horse"}, false}, {"cow", []string{"horse", "\ufeffhorse"}, false},
	} {
		for _, armored := range []bool{false, true} {
			asked := 0
			ids, err := recording.ParseIdentitiesTrying(strings.NewReader(locked(t, office.Secret, c.with, armored)),
				func() ([]string, error) { asked++; return c.tries, nil })
			if asked != 1 || c.opens != (err == nil && len(ids) == 1) || !c.opens && !errors.Is(err, recording.ErrPassphrase) {
				t.Errorf("locked with %q, tries %q: %d keys, %v, asked %d times", c.with, c.tries, len(ids), err, asked)
			}
		}
	}
}

// A wrong file is identified, nobody is asked for a passphrase, and nothing in the file is quoted.
func TestFilesThatAreNoIdentities(t *testing.T) {
	office, unit := recordingtest.NewOffice(t, recordingtest.Hybrid), recordingtest.NewUnit(t, "high-street", "room-3")
	whole := recordingtest.Make(t,
		recordingtest.Spec{Unit: unit, For: []string{office.Recipient}, ID: "7q4k9mz2ha", Segments: 1,
			Audio: recording.Audio{Codec: "wav", Rate: 8000, Channels: 1}})
	damaged := office.Secret[:60] + "Q" + office.Secret[61:]
	if damaged == office.Secret {
		damaged = office.Secret[:60] + "P" + office.Secret[61:]
	}
	recipient, err := age.ParseHybridRecipient(office.Recipient)
	if err != nil {
		t.Fatal(err)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, recipient)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ file, what string }{
		"the public key": {"# the office\n" + office.Recipient + "\n",
			"it holds public keys, which seal recordings and open none"},
		"the same from PowerShell":   {fromWindows(office.Recipient + "\n"), "it holds public keys"},
		"a unit's verifier key":      {unit.VKey + "\n", "it holds verifier keys"},
		"the office's verifier key":  {"tacet-office/practice+0123abcd+AAAA\n", "it holds verifier keys"},
		"a signing key":              {"PRIVATE+KEY+tacet/high-street/room-3+0123abcd+AAAA\n", "it is a key for signing"},
		"an SSH key":                 {"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb\n", "it is an SSH key"},
		"an SSH public key":          {"ssh-ed25519 AAAA me\n", "it is an SSH key"},
		"a certificate":              {"-----BEGIN CERTIFICATE-----\nMIIB\n", "it is a certificate"},
		"a plugin's key":             {"AGE-PLUGIN-YUBIKEY-1QQQQ\n", "it is the key of an age plugin"},
		"a recording":                {string(whole), "it is itself a recording"},
		"a member of a recording":    {sealed.String(), "it is encrypted to a key"},
		"a damaged key":              {"# k\n" + damaged + "\n", "the key on line 2 is damaged"},
		"a key with a line break":    {office.Secret[:70] + "\n" + office.Secret[70:] + "\n", "the key on line 1 is damaged"},
		"a key in small letters":     {strings.ToLower(office.Secret[:70]), "the key on line 1 is damaged"},
		"nothing":                    {"", "it holds no key"},
		"remarks alone":              {"# nothing\n", "it holds no key"},
		"a letter":                   {"Dear Sir\n", "line 1 is not a key as tacet keygen writes it"},
		"a picture":                  {"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "it contains zero bytes, so it is not text"},
		"an endless file":            {strings.Repeat("#\n", 1<<20), "it is too long for a key"},
		"a good key, and a bad line": {office.Secret + "\nDear Sir\n", "line 2 is not a key as"},
	} {
		_, err := recording.ParseIdentities(strings.NewReader(c.file),
			func() (string, error) { t.Errorf("%s: asks for a passphrase", name); return "", nil })
		var what *recording.NotIdentities
		if !errors.As(err, &what) || !strings.Contains(what.What, c.what) || what.Do == "" {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, secret := range []string{office.Secret[20:40], strings.ToLower(office.Secret[20:40]), "AAAA", "Dear"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error repeats what stands in the file: %v", name, err)
			}
		}
	}
}
