package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
	"tacet/daemon/recording"
	"tacet/daemon/store/storetest"
)

const everyStore = `
[[store]]
name = "drive"
kind = "drive"
label = "TACET"
[[store]]
name = "nas"
kind = "folder"
path = %q
unmounted_ok = true
[[store]]
name = "office"
kind = "sftp"
url = "sftp://%s@%s%s"
key = %q
known_hosts = %q
[[store]]
name = "vault"
kind = "s3"
endpoint = %q
bucket = %q
prefix = "high-street/"
region = %q
access_key_file = %q
secret_key_file = %q
path_style = true
ca = %q
`

// A recording goes to a drive that is pulled out meanwhile, to a folder, to OpenSSH and to an S3
// server over TLS. Only when all have it is the unit's own copy deleted, and the page plays the
// copy on the drive.
func TestEveryKindOfStore(t *testing.T) {
	t.Parallel()
	room := audiotest.NewPulse(t)
	speak(t, room)
	sshd, s3, nas := storetest.StartSSHD(t), storetest.StartS3(t, storetest.TLS), t.TempDir()
	unit := demotest.NewUnit(t, demotest.Settings{Device: audiotest.Device, Stores: fmt.Sprintf(everyStore, nas,
		sshd.User, sshd.Addr, sshd.Path, sshd.Key, sshd.KnownHosts, s3.URL, s3.Bucket, s3.Region, s3.AccessFile,
		s3.SecretFile, s3.CA)})
	demo := unit.Start(t, room.Env()...)
	demo.Consent()
	file := demo.Until("two seconds", demotest.Recorded(1, 2)).Recordings[0].File
	demo.Drive(false)
	demo.Warns("store-missing")
	demo.Until("a slow pulse", func(p demotest.Panel) bool { return p.StatusLight == "pulse" && p.Light == "on" })
	demo.Press("patient")
	demo.Until("the end", demotest.Ended(1, "whole"))
	for _, store := range []string{"nas", "office", "vault"} {
		demo.Copied(store)
	}
	if _, err := os.Stat(unit.Path(file)); err != nil {
		t.Errorf("the drive is out, and the unit's own copy: %v", err)
	}
	demo.Drive(true)
	demo.Copied("drive")
	demo.Until("the copy on the drive", demotest.Ended(1, "whole"))
	if _, err := os.Stat(unit.Path(file)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("every store has it, and the unit's own copy: %v", err)
	}

	want := read(t, filepath.Join(nas, file))
	for _, place := range []string{filepath.Join(unit.Dir, "drive-drive"), sshd.Dir,
		filepath.Join(s3.Dir, "high-street")} {
		if !bytes.Equal(read(t, filepath.Join(place, file)), want) {
			t.Errorf("the copy in %s is another", place)
		}
	}
	rep, err := recording.Verify(bytes.NewReader(want), int64(len(want)), recording.Options{})
	if err != nil || rep.State != recording.Whole {
		t.Errorf("%v: %+v", err, rep)
	}
	ledger := string(read(t, filepath.Join(unit.Dir, "ledger")))
	if n := strings.Count(ledger, `"type":"copied"`); n != 4 || strings.Count(ledger, `"type":"released"`) != 1 {
		t.Errorf("%d copies and these entries are in the ledger:\n%s", n, ledger)
	}
}
