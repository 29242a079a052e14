package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
)

// The commands in READ-ME.txt give the same sound, byte for byte, as tacet open before it fills in
// the length.
func TestTheRecipeInAFileOpensIt(t *testing.T) {
	t.Parallel()
	demotest.Tool(t, "age")
	for _, codec := range []string{"wav", "opus", "flac"} {
		t.Run(codec, func(t *testing.T) {
			t.Parallel()
			room := audiotest.NewPulse(t)
			speak(t, room)
			unit := demotest.NewUnit(t, demotest.Settings{Device: audiotest.Device, Codec: codec, Parties: []string{"room"}})
			demo := unit.Start(t, room.Env()...)
			demo.Consent()
			demo.Until("two seconds", demotest.Recorded(1, 2))
			demo.Press("room")
			file := demo.Until("the end", demotest.Ended(1, "whole")).Recordings[0].File
			opened, _ := unit.Open(t, file)

			recipe := recipeOf(t, unit, file)
			// Before the last command the recording's key is there: for nobody else, whatever umask was.
			seen := strings.Replace(recipe, "cd .. && rm -r ", "stat -c '%n has mode %a' . session.key\ncd .. && rm -r ", 1)
			c := "cd " + filepath.Dir(unit.Key) + "\nset -e\numask 022\ncp spool/" + file + " .\n" + seen
			output := unit.Must(t, "env", "PATH="+filepath.Dir(demotest.Tool(t, "age"))+":"+os.Getenv("PATH"), "sh", "-c", c)
			if !strings.Contains(output, `"act":"withdrew"`) {
				t.Errorf("who ended it isn't shown: %q", output)
			}
			if !strings.Contains(output, ". has mode 700\nsession.key has mode 600\n") {
				t.Errorf("the recording's key is not only its owner's: %q", output)
			}
			base := strings.TrimSuffix(file, ".tacet")
			sound := filepath.Join(filepath.Dir(unit.Key), base+"."+codec)
			byHand := read(t, sound)
			if info, err := os.Stat(sound); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the sound is for everybody: %v, %v", info.Mode(), err)
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(unit.Key), base)); !os.IsNotExist(err) {
				t.Errorf("the folder with the recording's key is left: %v", err)
			}
			sameIn(t, recipe, base, codec)
			sameSound(t, codec, byHand, opened)
		})
	}
}

// recipeOf returns the commands for opening a recording by hand from its own READ-ME.txt.
func recipeOf(t *testing.T, unit *demotest.Unit, file string) string {
	t.Helper()
	text := unit.Must(t, "tar", "xOf", unit.Path(file), "READ-ME.txt")
	_, text, ok := strings.Cut(text, "Without that program")
	text, _, ok2 := strings.Cut(text, "What is what")
	recipe := commandsIn(text)
	if !ok || !ok2 || len(recipe) != 6 || recipe[0] != "umask 077\n" || !strings.Contains(recipe[5], "rm -r ") {
		t.Fatalf("READ-ME.txt is not as this test knows it:\n%s", text)
	}
	return strings.Join(recipe, "")
}

// commandsIn returns the indented lines of a text.
func commandsIn(text string) []string {
	var commands []string
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			commands = append(commands, command)
		}
	}
	return commands
}

// sameIn checks that the office's README has the same commands, except those that show who
// consented.
func sameIn(t *testing.T, recipe, base, codec string) {
	t.Helper()
	_, text, ok := strings.Cut(string(read(t, "../../tacet/README.md")), "\n## By hand\n")
	text, _, _ = strings.Cut(text, "\n## ")
	there := strings.NewReplacer("X.opus", base+"."+codec, "X.tacet", base+".tacet", "X ", base+" ", "X\n",
		base+"\n").Replace(strings.Join(commandsIn(text), ""))
	here := ""
	for line := range strings.Lines(recipe) {
		if !strings.HasPrefix(line, "age ") {
			here += line
		}
	}
	if !ok || there != here {
		t.Errorf("cmd/tacet/README.md has\n%s\nREAD-ME.txt\n%s", there, here)
	}
}

// sameSound compares sound that was opened by hand with tacet's: only the length may differ.
func sameSound(t *testing.T, codec string, byHand, opened []byte) {
	t.Helper()
	if len(byHand) != len(opened) {
		t.Fatalf("by hand it has %d bytes, else %d", len(byHand), len(opened))
	}
	var differ []int
	for i := range opened {
		if byHand[i] != opened[i] {
			differ = append(differ, i)
		}
	}
	may := func(i int) bool { return false } // Opus as it comes has its end mark
	switch codec {
	case "wav":
		may = func(i int) bool { return i >= 4 && i < 8 || i >= 40 && i < 44 } // RIFF and data
	case "flac":
		may = func(i int) bool { return i >= 8 && i < 42 } // STREAMINFO
	}
	for _, i := range differ {
		if !may(i) {
			t.Fatalf("byte %d of %d differs: %x by hand, %x else", i, len(opened), byHand[i], opened[i])
		}
	}
	if codec != "opus" && len(differ) == 0 {
		t.Error("tacet open filled in no length")
	}
}
