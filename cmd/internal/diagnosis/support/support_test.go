package support_test

import (
	"bytes"
	"strings"
	"testing"

	"tacet/cmd/internal/diagnosis/support"
)

const sshKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\nAAAAEbm9uZQAAAAAAAAABAAAAMwAAAA\n-----END OPENSSH PRIVATE KEY-----\n"

// Whatever a section says, no secret gets into the file, nor anything that tells of a consultation.
func TestNothingSecretGetsIn(t *testing.T) {
	for name, c := range map[string]struct{ text, hidden, left string }{
		"a password":              {"refused: hunter2 is wrong", "hunter2", "refused: [removed] is wrong"},
		"an SSH key":              {"key:\n" + sshKey + "end", "b3BlbnNzaC1r", "end"},
		"a line of it":            {"AAAAEbm9uZQAAAAAAAAABAAAAMwAAAA", "AAAAEbm9uZQ", "[removed]"},
		"another key":             {"-----BEGIN PRIVATE KEY-----\nMC4CAQA\n-----END PRIVATE KEY-----", "MC4CAQA", ""},
		"a key that was cut":      {"-----BEGIN EC PRIVATE KEY-----\nMHcCAQ", "MHcCAQ", ""},
		"an identity":             {"AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", "QPZRY", ""},
		"a post-quantum identity": {"x AGE-SECRET-KEY-PQ-1QQPZRY9X8GF y", "QPZRY", "y"},
		"the unit's signing key":  {"PRIVATE+KEY+tacet/site/room+c74f20a3+ATEzjpq", "ATEzjpq", ""},
		"a URL's user":            {"sftp://room-3@backup.lan/x", "room-3", "sftp://[removed]@backup.lan/x"},
		"a URL's password":        {"mqtt://u:p%40ss/w@h:1883 and mqtts://a:b@c", "a:b", "mqtts://[removed]@c"},
		"a password in a setting": {`password = "tell nobody", next`, "tell nobody", ", next"},
		"a passphrase":            {"Passphrase: open-sesame", "sesame", ""},
		"a recording's file":      {"20261121T140322Z_room-3_7q4k9mz2ha.tacet: short", "140322", "RECORDING: short"},
		"a copy of it":            {"/x/20261121T140322Z_room-3_7q4k9mz2ha.2.tacet.tmp", "7q4k", "/x/RECORDING"},
		"a recording's ID":        {"append segment 42 to 7q4k9mz2ha: no space", "7q4k9mz2ha", "segment 42 to RECORDING: no"},
		"an ID without digits":    {"recording=abcdefghjk err=x", "abcdefghjk", "err=x"},
		"a time":                  {"time=2026-11-21T14:03:22.417Z level=WARN", "14:03", "time=2026-11-21 level=WARN"},
		"a local time":            {"2026-11-21 14:03:22,4+01:00 x", "14:03", "2026-11-21 x"},
		"a time of day":           {"Sat, 21 Nov 2026 14:03:22 UTC", "14:03", "Sat, 21 Nov 2026 TIME UTC"},
		"control characters":      {"a\x1b[2Jb\tc", "\x1b", "b c"},
	} {
		f := support.New([][]byte{[]byte("hunter2\n"), []byte(sshKey), {}, []byte("ab\n")})
		f.Section(name, c.text)
		var out bytes.Buffer
		if _, err := f.WriteTo(&out); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := out.String(); strings.Contains(got, c.hidden) || !strings.Contains(got, c.left) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// What helps stays: versions, addresses, sizes, codes.
func TestTheRestStays(t *testing.T) {
	const text = "tacetd 1.2.3~git20261121\nsftp://backup.lan:2222/recordings\nhw:CARD=Device,DEV=0 at 48000.1 Hz\n" +
		"store-missing since 2026-11-21\nGPIO27 (pin 13)"
	f := support.New([][]byte{[]byte("a")}) // too short to look for
	f.Section("x", text)
	var out bytes.Buffer
	if _, err := f.WriteTo(&out); err != nil || !strings.Contains(out.String(), text) {
		t.Errorf("%s, %v", &out, err)
	}
}

// A name of a section isn't cleaned. If a secret gets in that way, nothing is written.
func TestAFileWithASecretIsRefused(t *testing.T) {
	f := support.New([][]byte{[]byte("hunter2")})
	f.Section("hunter2", "x")
	var out bytes.Buffer
	if _, err := f.WriteTo(&out); err == nil || out.Len() > 0 || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v: %s", err, &out)
	}
}

// The newest of a long text is kept.
func TestASectionIsBounded(t *testing.T) {
	f := support.New(nil)
	f.Section("log", strings.Repeat("old\n", 1<<20)+"new")
	var out bytes.Buffer
	if _, err := f.WriteTo(&out); err != nil || out.Len() > 300<<10 || !strings.Contains(out.String(), "new\n") {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
}
