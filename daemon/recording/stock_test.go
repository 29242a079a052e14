package recording_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// stockTools returns a PATH that starts with the real age, in the version that FORMAT.md requires.
func stockTools(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("TACET_TOOLS")
	if dir == "" {
		dir = filepath.Join("..", "..", "bin", "tools") // of the module
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	version, err := exec.Command(filepath.Join(dir, "age"), "--version").Output()
	if err != nil {
		t.Fatalf("no age in %s (%v): make test installs it there, or set TACET_TOOLS", dir, err)
	}
	if v := string(version); strings.HasPrefix(v, "v1.0") || strings.HasPrefix(v, "v1.1") || strings.HasPrefix(v, "v1.2") {
		t.Fatalf("age in %s is %s: hybrid keys need 1.3", dir, v)
	}
	return dir + string(os.PathListSeparator) + os.Getenv("PATH")
}

// recipe returns the commands in a READ-ME.txt: the indented lines that call age.
func recipe(readMe []byte) (play, acts string) {
	for line := range strings.Lines(string(readMe)) {
		command, ok := strings.CutPrefix(line, "    ")
		switch {
		case !ok:
		case strings.Contains(command, "mkdir"), strings.Contains(command, "for s in"):
			play += command
		case strings.HasPrefix(command, "age -d"):
			acts += command
		}
	}
	return play, acts
}

// TestReadMeByHand: the commands in READ-ME.txt work with sh, tar and age, and give the same as
// open, except for what only open can know: a WAV's length.
func TestReadMeByHand(t *testing.T) {
	path := stockTools(t)
	u := recordingtest.NewUnit(t, "high-street", "room-3")
	for _, a := range []recording.Audio{opusAudio, flacAudio, wavAudio} {
		for name, hybrid := range map[string]bool{"hybrid": recordingtest.Hybrid, "classic": recordingtest.Classic} {
			t.Run(a.Codec+", "+name, func(t *testing.T) {
				t.Parallel()
				o := recordingtest.NewOffice(t, hybrid)
				spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: recording.NewID(), Audio: a, Segments: 3,
					Happened: map[int]*recording.Happening{2: {Gaps: []recording.Gap{{Sample: 9000, Samples: 480}}}}}
				file := recordingtest.Make(t, spec)
				dir := t.TempDir()
				base := strings.TrimSuffix(recording.Name(recordingtest.Started, "room-3", spec.ID), ".tacet")
				for name, content := range map[string]string{base + ".tacet": string(file), "office.key": o.Secret + "\n"} {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				play, acts := recipe(members(t, file)[0].bytes[512:])
				if strings.Count(play, "\n") != 2 || strings.Count(acts, "\n") != 2 {
					t.Fatalf("READ-ME.txt has no recipe:\n%s%s", play, acts)
				}
				sh := exec.CommandContext(t.Context(), "sh", "-e")
				sh.Dir = dir
				sh.Env = append(os.Environ(), "PATH="+path)
				sh.Stdin = strings.NewReader(play + acts)
				var errs bytes.Buffer
				sh.Stderr = &errs
				said, err := sh.Output()
				if err != nil {
					t.Fatalf("%v: %s", err, errs.String())
				}
				if !bytes.Contains(said, []byte(`{"party":"patient","act":"gave"`)) ||
					!bytes.Contains(said, []byte(`{"party":"patient","act":"withdrew"`)) {
					t.Errorf("the acts are not told: %s", said)
				}
				got, err := os.ReadFile(filepath.Join(dir, base+"."+a.Codec))
				if err != nil {
					t.Fatal(err)
				}
				var want []byte
				for n := 1; n <= 3; n++ {
					want = append(want, recordingtest.Sound(a, spec.ID, n, 3)...)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%d bytes, not the %d that were sealed", len(got), len(want))
				}
			})
		}
	}
}
