package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tacet/audio/flac"
	"tacet/audio/wav"
	"tacet/cmd/internal/cli/clitest"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// TestRecordingScripts runs the scripts about recordings. Each has the fixtures in its folder.
func TestRecordingScripts(t *testing.T) {
	files := fixtures(t)
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "recordings"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Setenv("XDG_CONFIG_HOME", filepath.Join(env.WorkDir, "config"))
			for name, content := range files {
				if err := os.WriteFile(filepath.Join(env.WorkDir, name), content, 0o600); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": clitest.Exits, "alter": alter, "drop": drop, "shorten": shorten, "keep": keep, "lengthen": lengthen,
			"words": words, "alterbyte": alterByte,
		},
	})
}

const (
	seconds    = 20
	fixtureID  = "7q4k9mz2ha"
	passphrase = "correct horse battery staple"
)

// fixtures returns recordings and keys, by file name:
//
//	office.key locked.key (passphrase) stranger.key    identities
//	unit.pub                                           the unit's key
//	windows.pub windows-remark.pub                     the same, as an editor on Windows saves it
//	windows.key windows.passphrase                     the office's key and its passphrase, likewise
//	marked.key                                         locked with a byte-order mark as part of the passphrase
//	impostor.pub                                       another key for a unit of that name
//	opus.tacet flac.tacet wav.tacet opus.sound …       whole recordings, and their sound
//	interrupted.tacet unfinished.tacet silent.tacet    the last has no segment
//	lapsed.tacet                                       whole; it reached the maximum length
//	short.tacet                                        whole; its last segment is 0.1 s
//	impostor.tacet                                     signed by the impostor
//	office.pub stranger.pub classic.pub                recipients
//	both.tacet                                         for the office and the stranger
//	quiet.tacet padded.tacet                           the same, but naming only the office, once or twice
//	swapped.tacet                                      for a classic key, but naming the office
//	fewer.tacet                                        for the office, but also naming the stranger
var fixtures = func() func(t *testing.T) map[string][]byte {
	var once sync.Once
	files := map[string][]byte{}
	return func(t *testing.T) map[string][]byte {
		once.Do(func() { makeFixtures(t, files) })
		return files
	}
}()

func makeFixtures(t *testing.T, files map[string][]byte) {
	office, stranger := recordingtest.NewOffice(t, recordingtest.Hybrid), recordingtest.NewOffice(t, recordingtest.Hybrid)
	unit, impostor := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewUnit(t, "high-street", "room-3")
	defer func(before int) { workFactor = before }(workFactor)
	workFactor = 10 // fast
	locked, err := encryptKey([]byte(office.Secret+"\n"), passphrase)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"office.key": office.Secret, "stranger.key": stranger.Secret, "locked.key": string(locked), "passphrase": passphrase,
		"wrong":    "wrong horse",
		"unit.pub": unit.VKey, "impostor.pub": impostor.VKey, "office.fingerprint": recording.Fingerprint(office.Recipient),
	} {
		if name != "locked.key" {
			text += "\n"
		}
		files[name] = []byte(text)
	}
	marked, err := encryptKey([]byte(office.Secret+"\n"), "\ufeff"+passphrase)
	if err != nil {
		t.Fatal(err)
	}
	files["marked.key"], files["windows.passphrase"], files["windows.key"] = marked, []byte("\ufeff"+passphrase+"\r\n"),
		[]byte("\ufeff"+office.Secret+"\r\n")
	files["windows.pub"] = []byte("\ufeff" + unit.VKey + "\r\n")
	files["windows-remark.pub"] = []byte("\ufeff# our units\r\n" + unit.VKey + "\r\n")
	spec := recordingtest.Spec{Unit: unit, For: []string{office.Recipient}, ID: fixtureID, Segments: seconds}
	for _, a := range []recording.Audio{
		{Codec: "opus", Rate: 48000, Channels: 1, Bitrate: 32000}, {Codec: "flac", Rate: 8000, Channels: 1},
		{Codec: "wav", Rate: 8000, Channels: 1},
	} {
		spec.Audio = a
		files[a.Codec+".tacet"], files[a.Codec+".sound"] = recordingtest.Make(t, spec), sound(t, a, seconds)
	}
	lapsed := spec
	lapsed.Reason = recording.Lapsed
	files["lapsed.tacet"] = recordingtest.Make(t, lapsed)
	silent, cut, other := spec, spec, spec
	silent.Segments = 0
	files["silent.tacet"] = recordingtest.Make(t, silent)
	cut.Segments, cut.Cut = 12, true
	files["unfinished.tacet"], files["unfinished.sound"] = recordingtest.Make(t, cut), sound(t, spec.Audio, 12)
	var recovered bytes.Buffer
	if _, err := recording.Recover(bytes.NewReader(files["unfinished.tacet"]), int64(len(files["unfinished.tacet"])),
		&recovered, unit.Signer, "boot-2"); err != nil {
		t.Fatal(err)
	}
	files["interrupted.tacet"] = recovered.Bytes()
	short := spec
	short.Segments, short.Samples = 9, 8*8000+800
	short.Sound = func(n int) []byte {
		b := recordingtest.Sound(short.Audio, fixtureID, n, short.Segments)
		if n == short.Segments {
			b = b[:2*800]
		}
		return b
	}
	files["short.tacet"] = recordingtest.Make(t, short)
	classic := recordingtest.NewOffice(t, recordingtest.Classic)
	files["office.pub"], files["stranger.pub"], files["classic.pub"] = []byte("# the office\n"+office.Recipient+"\n"),
		[]byte(stranger.Recipient+"\n"), []byte(classic.Recipient+"\n")
	for name, c := range map[string]struct{ of, named []string }{
		"both.tacet":    {[]string{office.Recipient, stranger.Recipient}, nil},
		"quiet.tacet":   {[]string{office.Recipient, stranger.Recipient}, []string{office.Recipient}},
		"padded.tacet":  {[]string{office.Recipient, stranger.Recipient}, []string{office.Recipient, office.Recipient}},
		"swapped.tacet": {[]string{classic.Recipient}, []string{office.Recipient}},
		"fewer.tacet":   {[]string{office.Recipient}, []string{office.Recipient, stranger.Recipient}},
	} {
		few := spec
		few.Segments, few.For, few.Named = 1, c.of, c.named
		files[name] = recordingtest.Make(t, few)
	}
	other.Unit = impostor
	files["impostor.tacet"] = recordingtest.Make(t, other)
}

// sound is what a recording of this many seconds opens to.
func sound(t *testing.T, a recording.Audio, seconds int) []byte {
	var b []byte
	for n := 1; n <= seconds; n++ {
		b = append(b, recordingtest.Sound(a, fixtureID, n, seconds)...)
	}
	switch a.Codec {
	case "wav":
		copy(b, wav.Header(a.Rate, a.Channels, int64(len(b)-wav.HeaderLen)))
	case "flac":
		j, err := flac.NewJoiner(fixtureID, a.Rate, a.Channels)
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= seconds; n++ {
			if _, err := j.Add(recordingtest.Sound(a, fixtureID, n, seconds)); err != nil {
				t.Fatal(err)
			}
		}
		copy(b, j.Header())
	}
	return b
}

// place returns where a member is in a recording, with its header and padding.
func place(ts *testscript.TestScript, file []byte, member string) (from, to int) {
	r := bytes.NewReader(file)
	for archive := tar.NewReader(r); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			ts.Fatalf("no member %s", member)
		}
		ts.Check(err)
		content := len(file) - r.Len()
		if h.Name == member {
			return content - 512, content + int(h.Size+511)/512*512
		}
	}
}

// edit rewrites a file with change.
func edit(ts *testscript.TestScript, neg bool, args []string, n int, usage string, change func(file []byte) []byte) {
	if neg || len(args) != n {
		ts.Fatalf("usage: %s", usage)
	}
	name := ts.MkAbs(args[0])
	file, err := os.ReadFile(name)
	ts.Check(err)
	ts.Check(os.WriteFile(name, change(file), 0o600))
}

func alter(ts *testscript.TestScript, neg bool, args []string) {
	edit(ts, neg, args, 2, "alter FILE MEMBER", func(file []byte) []byte {
		from, _ := place(ts, file, args[1])
		file[from+512+120] ^= 1
		return file
	})
}

func drop(ts *testscript.TestScript, neg bool, args []string) {
	edit(ts, neg, args, 2, "drop FILE MEMBER", func(file []byte) []byte {
		from, to := place(ts, file, args[1])
		return append(file[:from:from], file[to:]...)
	})
}

func shorten(ts *testscript.TestScript, neg bool, args []string) {
	edit(ts, neg, args, 2, "shorten FILE BYTES", func(file []byte) []byte {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		return file[:len(file)-n]
	})
}

func keep(ts *testscript.TestScript, neg bool, args []string) {
	edit(ts, neg, args, 2, "keep FILE BYTES", func(file []byte) []byte {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		return file[:n]
	})
}

func lengthen(ts *testscript.TestScript, neg bool, args []string) {
	edit(ts, neg, args, 2, "lengthen FILE TEXT", func(file []byte) []byte { return append(file, args[1]...) })
}

// words FROM TO copies the passphrase that a command has printed.
func words(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: words FROM TO")
	}
	_, passphrase, ok := strings.Cut(ts.ReadFile(args[0]), "passphrase: ")
	if !ok {
		ts.Fatalf("%s has no passphrase", args[0])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(passphrase), 0o600))
}

// alterbyte FILE N changes a byte of a file.
func alterByte(ts *testscript.TestScript, neg bool, args []string) {
	edit(ts, neg, args, 2, "alterbyte FILE N", func(file []byte) []byte {
		n, err := strconv.Atoi(args[1])
		ts.Check(err)
		file[n] ^= 1
		return file
	})
}
