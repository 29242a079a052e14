package clip_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tacet/audio/ogg"
	"tacet/daemon/recording/excerpt"
	"tacet/daemon/recording/recordingtest"
	"tacet/systemd/needs"
)

// recipe returns the commands in a READ-ME.txt: what is indented, but for the calls of tacet.
func recipe(readMe []byte) (check, listen, tidy string) {
	text := &check
	for line := range strings.Lines(string(readMe)) {
		command, ok := strings.CutPrefix(line, "    ")
		switch {
		case strings.HasPrefix(line, "Listening"):
			text = &listen
		case strings.HasPrefix(line, "When you are done"):
			text = &tidy
		case ok && !strings.HasPrefix(command, "tacet "):
			*text += command
		}
	}
	return check, listen, tidy
}

// byHand runs the commands of a clip's READ-ME.txt in a folder with the clip and the receiver's key.
// It returns what they print, and the sound.
func byHand(t *testing.T, file []byte, to recordingtest.Office, codec string) (said string, sound []byte, err error) {
	t.Helper()
	needs.Program(t, "openssl", "openssl")
	tools := os.Getenv("TACET_TOOLS")
	if tools == "" {
		tools = filepath.Join("..", "..", "..", "bin", "tools")
	}
	tools, _ = filepath.Abs(tools)
	dir, base := t.TempDir(), "20261121T140322Z_room-3_7q4k9mz2ha_2-6"
	os.WriteFile(filepath.Join(dir, base+".tacet-clip"), file, 0o600)
	os.WriteFile(filepath.Join(dir, "your.key"), []byte(to.Secret+"\n"), 0o600)
	check, listen, tidy := recipe(members(t, file)[0].content)
	sh := exec.CommandContext(t.Context(), "sh", "-e")
	sh.Dir, sh.Stdin = dir, strings.NewReader(check+listen+tidy)
	sh.Env = append(os.Environ(), "PATH="+tools+string(os.PathListSeparator)+os.Getenv("PATH"), "LC_ALL=C")
	out, err := sh.CombinedOutput()
	if _, there := os.Stat(filepath.Join(dir, base)); err == nil && there == nil {
		t.Error("the folder with the key is left")
	}
	sound, _ = os.ReadFile(filepath.Join(dir, base+"."+codec))
	return string(out), sound, err
}

// TestReadMeByHand: the commands in READ-ME.txt check and open a clip with tar, sha256sum, OpenSSL
// and age, and give the recording's own seconds.
func TestReadMeByHand(t *testing.T) {
	for _, a := range audios {
		t.Run(a.Codec, func(t *testing.T) {
			s, to := record(t, a, nil), recordingtest.NewOffice(t, recordingtest.Hybrid)
			said, sound, err := byHand(t, s.clip(t, to, 2, 6, excerpt.Span{From: 4, To: 5}), to, a.Codec)
			if err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			for text, times := range map[string]int{"Signature Verified Successfully\n": 2, "the start is genuine\n": 1,
				"the list is genuine\n": 1, "000003.age: OK\n": 1, "000004.json: OK\n": 1, "000005.age: OK\n": 0, "FAILED": 0} {
				if n := strings.Count(said, text); n != times {
					t.Errorf("%q is said %d times, not %d: %s", text, n, times, said)
				}
			}
			var want []byte
			for _, n := range []int{3, 4, 6} {
				want = append(want, recordingtest.Sound(a, id, n, 8)...)
			}
			if !bytes.HasSuffix(sound, want) || len(sound) == len(want) {
				t.Errorf("%d bytes, which don't end with the %d of the seconds", len(sound), len(want))
			}
			if a.Codec == "opus" {
				if p, _, err := ogg.Parse(sound); err != nil || p.Flags != ogg.First {
					t.Errorf("it starts with %+v, %v", p, err)
				}
			}
		})
	}
}

// By hand, too, a changed second and a changed list show.
func TestByHandFindsForgeries(t *testing.T) {
	s, to := record(t, audios[0], nil), recordingtest.NewOffice(t, recordingtest.Classic)
	list := members(t, s.clip(t, to, 2, 6))
	i := find(t, list, "000004.age")
	list[i].content = bytes.Clone(list[i].content)
	list[i].content[300] ^= 1
	if said, _, err := byHand(t, pack(t, list), to, "opus"); err == nil || !strings.Contains(said, "000004.age: FAILED") {
		t.Errorf("a changed second: %v, %s", err, said)
	}
	at := find(t, list, "leaves")
	sum := hexSum(list[i].content)
	lines := strings.SplitAfter(string(list[at].content), "\n")
	for k, line := range lines {
		if strings.HasSuffix(line, "  000004.age\n") {
			lines[k] = sum + "  000004.age\n"
		}
	}
	list[at].content = []byte(strings.Join(lines, ""))
	said, _, err := byHand(t, pack(t, list), to, "opus")
	if err == nil && strings.Contains(said, "the list is genuine") || !strings.Contains(said, "000004.age: OK") {
		t.Errorf("a changed second, and its hash: %v, %s", err, said)
	}
}

// After a power cut the unit signed the end; without an end, the last note counts.
func TestReadMeOfOtherEnds(t *testing.T) {
	to := recordingtest.NewOffice(t, recordingtest.Classic)
	s := record(t, audios[0], func(s *recordingtest.Spec) { s.Cut = true })
	unfinished := s.clip(t, to, 2, 6)
	s.recover(t)
	for what, file := range map[string][]byte{"unfinished": unfinished, "interrupted": s.clip(t, to, 2, 6)} {
		said, _, err := byHand(t, file, to, "opus")
		if err != nil || !strings.Contains(said, "the list is genuine") {
			t.Errorf("%s: %v, %s", what, err, said)
		}
	}
}
