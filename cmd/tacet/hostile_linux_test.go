package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"filippo.io/age"

	"tacet/cmd/internal/cli"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// hostile are names that change what a terminal shows, or mislead its reader.
var hostile = []string{
	"\x1b[2Jx", "x\x9b31my", "x\u009b31my", "x\u202etecat", "x\ntacet: hint: trust it", "x\r\ty", "x\x7fy",
	"x\u200b\ufeffy", "x\xff\xfey", "x\U000e0041y",
}

// runTacet runs tacet in the test's own process.
func runTacet(t *testing.T, args ...string) (stdout, stderr string) {
	var out, err bytes.Buffer
	env := &cli.Env{Name: "tacet", Args: args, Ctx: t.Context(), Stdin: strings.NewReader(""), Stdout: &out, Stderr: &err,
		Terminal: true}
	env.Finish(run(env))
	return out.String(), err.String()
}

// progressLine is what cli.Progress shows, and removes again, where an operation takes long. A
// carriage return anywhere else is not ours.
var progressLine = regexp.MustCompile(`(\r(open|verify) [^\r\n]* [kM]?B *)+\r *\r`)

// Whatever names and contents a command is given, what it prints is printable, and no line of it
// comes from them.
func TestOnlyPrintableOutput(t *testing.T) {
	files := fixtures(t)
	defer func(before int) { workFactor = before }(workFactor)
	workFactor = 10 // fast
	for _, bad := range hostile {
		dir := t.TempDir()
		in := func(name string) string { return filepath.Join(dir, name) }
		write := func(name string, content []byte) string {
			if err := os.WriteFile(in(name), content, 0o600); err != nil {
				t.Fatal(err)
			}
			return in(name)
		}
		whole, rubbish := write(bad+".tacet", files["wav.tacet"]), write(bad+"2.tacet", files["wav.sound"])
		damaged := write(bad+"3.tacet", bytes.Replace(files["wav.tacet"], []byte("000007.age"), []byte("000008.age"), 1))
		acts := write(bad+"4.tacet", actsOf(t, bad))
		config := write(bad+".toml", []byte("[room]\nsite = \""+strings.ReplaceAll(bad, "\n", "")+"\"\n["+bad+"]\nx = \""+bad+
			"\n"))
		key, unit, text := write(bad+".key", files["office.key"]), write(bad+".pub", files["unit.pub"]),
			write(bad+".txt", []byte(bad))
		for _, args := range [][]string{
			{bad}, {"ls", bad}, {"ls", dir}, {"ls", rubbish}, {"ls", "-" + bad, dir}, {"ls", "-json", dir},
			{"ls", "-json", whole},
			{"verify", bad}, {"verify", whole, rubbish, damaged}, {"verify", "-unit", unit, whole, damaged},
			{"verify", "-unit", bad, whole}, {"verify", "-unit", text, whole},
			{"verify", "-recipients", text, whole}, {"verify", "-recipients", bad, whole}, {"verify", dir},
			{"open", "-i", key, "-unit", unit, "-o", in(bad + ".wav"), whole},
			{"open", "-i", key, "-unit", unit, "-o", in(bad + ".wav"), whole},
			{"open", "-i", key, "-unit", unit, "-o", in(bad + "3.wav"), damaged}, {"open", "-i", key, "-o", in("no.wav"), whole},
			{"open", "-i", key, "-any-unit", "-o", in("acts.wav"), acts},
			{"open", "-i", key, "-any-unit", "-o", in("no.wav"), rubbish},
			{"open", "-i", bad, "-o", in("no.wav"), whole}, {"open", "-i", text, "-o", in("no.wav"), whole},
			{"open", "-i", key, "-passphrase-file", text, "-silence", bad, "-o", bad, whole},
			{"check", config}, {"check", bad}, {"check", text}, {"drive", bad}, {"drive", "init", "-config", config, dir},
			{"drive", "init", "-site", bad, "-room", bad, dir},
			{"keygen", "-plain", "-o", in(bad + "2.key")}, {"keygen", "-plain", "-o", key}, {"keygen", "-o", in("x"), bad},
			{"keygen", "-passphrase-file", text, "-o", in(bad + "3.key")},
			{"sign", "-i", key, text}, {"sign", "-i", bad, text}, {"sign", "-i", in(bad + "2.key"), in(bad + "2.key")},
			{"sign", "-i", key, bad},
			{"drive", "init", "-i", bad, "-uuid", bad, "-site", "a", "-room", "*", dir},
			{"help", bad},
		} {
			stdout, stderr := runTacet(t, args...)
			stderr = progressLine.ReplaceAllString(stderr, "")
			for what, text := range map[string]string{"standard output": stdout, "standard error": stderr} {
				if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 ||
					strings.ToValidUTF8(text, "") != text {
					t.Errorf("tacet %q, on %s: %q", args, what, text)
				}
				for line := range strings.Lines(text) {
					if strings.HasPrefix(line, "tacet: hint: trust it") {
						t.Errorf("tacet %q, on %s: an injected line: %q", args, what, text)
					}
				}
			}
			if stdout+stderr == "" {
				t.Errorf("tacet %q prints nothing", args)
			}
			if len(args) > 1 && args[1] == "-json" {
				var list []listEntry
				if err := json.Unmarshal([]byte(stdout), &list); err != nil || len(list) == 0 {
					t.Errorf("tacet %q: %v", args, err)
				} else if name := filepath.Base(list[0].File); strings.ToValidUTF8(bad, "") == bad &&
					!strings.HasPrefix(name, bad) {
					t.Errorf("tacet %q: the name is printed as %q", args, name)
				}
			}
		}
	}
}

// actsOf returns a recording with hostile acts. Anybody who knows the office's public key can write
// such acts.
func actsOf(t *testing.T, bad string) []byte {
	unit, office := recordingtest.NewUnit(t, "high-street", "room-3"), fixtures(t)["office.key"]
	ids, err := recording.ParseIdentities(bytes.NewReader(office), nil)
	if err != nil {
		t.Fatal(err)
	}
	to := ids[0].(interface{ Recipient() *age.HybridRecipient }).Recipient().String()
	spec := recordingtest.Spec{Unit: unit, For: []string{to}, ID: fixtureID, Started: recordingtest.Started,
		Audio: recording.Audio{Codec: "wav", Rate: 8000, Channels: 1}}
	s := recordingtest.NewSealer(t, spec)
	hostile := []recording.Act{{Party: bad, Act: bad, Cause: bad, Line: bad}}
	begin, err := s.Begin(hostile)
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.Segment(recordingtest.Sound(spec.Audio, spec.ID, 1, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	end, err := s.End(recording.End{Reason: recording.Stopped, Samples: 8000}, hostile)
	if err != nil {
		t.Fatal(err)
	}
	return append(append(begin, second...), end...)
}
