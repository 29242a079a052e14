package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"tacet/daemon/recording"
)

// secretive is a unit whose configuration names every kind of secret, in files of dir.
const secretive = `[card]
ask = "Doctor Ann Example"
[[store]]
name = "office"
kind = "sftp"
url = "sftp://sftpuser@127.0.0.1:1/recordings"
key = "%[1]s/sftp_key"
known_hosts = "%[1]s/known_hosts"
[[store]]
name = "vault"
kind = "s3"
endpoint = "https://127.0.0.1:1"
bucket = "tacet"
access_key_file = "%[1]s/s3_access"
secret_key_file = "%[1]s/s3_secret"
[mqtt]
broker = "mqtts://127.0.0.1:1"
username = "mqttuser"
password_file = "%[1]s/mqtt_password"
client_key = "%[1]s/client.key"
cert = "%[1]s/client.pem"
[buzzer]
line = "GPIO24"
`

// The file for help has no secret of the configuration, nothing that tells of a consultation, and
// no words that people wrote for people. What helps is in it.
func TestSupportHasNoSecrets(t *testing.T) {
	dir := t.TempDir()
	p := newPatient(t, fmt.Sprintf(secretive, dir))
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key := string(pem.EncodeToMemory(block))
	secrets := map[string]string{
		"sftp_key": key, "client.key": strings.ReplaceAll(key, "OPENSSH ", ""), "mqtt_password": "correct horse battery\n",
		"s3_access": "AKIAEXAMPLEACCESS\n", "s3_secret": "\ufeffwJalrXUtnFEMI/K7MDENG\r\n", "known_hosts": "",
		"client.pem": "",
	}
	for name, content := range secrets {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const unitKey = "PRIVATE+KEY+tacet/site/room-3+c74f20a3+ATEzjpqexampleofakey\n"
	if err := os.WriteFile(p.cfg.Unit.Key, []byte(unitKey), 0o600); err != nil {
		t.Fatal(err)
	}
	name := recording.Name(time.Now(), "room-3", "7q4k9mz2ha")
	bin := t.TempDir()
	script := "#!/bin/sh\necho 'time=2026-11-21T14:03:22.417Z level=INFO msg=\"recording ends\" recording=7q4k9mz2ha'\n" +
		"echo 'time=2026-11-21T14:03:23.417Z level=WARN msg=\"copy " + name + "\" err=\"mqtt://mqttuser:correct horse battery@x refused\"'\n" +
		"echo 'time=2026-11-21T15:03:23Z level=ERROR msg=\"append segment 42 to 7q4k9mz2ha: AKIAEXAMPLEACCESS\"'\n"
	if err := os.WriteFile(filepath.Join(bin, "journalctl"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	p.flags.support = true
	p.clock = fakeClock(true)
	p.found.Passed = nil
	p.beforeHelp(t.Context())
	p.lastReport = &report{Phase: "recording", Recording: name, Pending: 987654, Stores: []storeReport{{Name: "office",
		State: "error", Pending: 987654, Oldest: "2026-11-20T08:01:00Z", Detail: "open sftp://sftpuser@127.0.0.1:1: " + key}}}
	synctest.Test(t, func(t *testing.T) {
		p.openPanel = nil
		for _, try := range []func(){func() { p.memory(t.Context()) }, func() { p.systemTime(t.Context()) }} {
			try()
		}
	})
	p.failed("store office", fix{}, "refused %s as sftpuser with wJalrXUtnFEMI/K7MDENG", name)
	p.exits(1)
	text := p.out.String()

	hidden := []string{strings.TrimSpace(unitKey), "ATEzjpq", name, "7q4k9mz2ha", "14:03", "15:03", "08:01", "Pending",
		"987654",
		"mqttuser", "sftpuser", "Doctor Ann", p.cfg.Consent.Purpose, "Consulting room", "recording ends", `"recording"`}
	for _, content := range secrets {
		for line := range strings.Lines(content) {
			if line = strings.Trim(line, "\ufeff\r\n"); line != "" {
				hidden = append(hidden, line)
			}
		}
	}
	for _, h := range hidden {
		if strings.Contains(text, h) {
			t.Errorf("%q is in the file for help:\n%s", h, text)
		}
	}
	for _, want := range []string{"== doctor ==", "Not ready: 1 thing, store office", "site/room-3",
		"level=ERROR msg=\"append segment 42",
		"2026-11-21", "mqtt_password", "GPIO24", "-rw-------", "48000", "sftp://[removed]@127.0.0.1:1/recordings"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in the file for help:\n%s", want, text)
		}
	}
	for file, content := range secrets {
		if content == "" {
			continue
		}
		if found, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !bytes.Equal(found, []byte(content)) {
			t.Errorf("%s has changed: %v", file, err)
		}
	}
}
