package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
)

// What READ-ME.txt tells to do by hand gives the same sound, byte for byte, as tacet open before it fills in the length.
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
			c := "cd " + filepath.Dir(unit.Key) + "\nset -e\ncp spool/" + file + " .\n" + recipe
			unit.Must(t, "env", "PATH="+filepath.Dir(demotest.Tool(t, "age"))+":"+os.Getenv("PATH"), "sh", "-c", c)
			base := strings.TrimSuffix(file, ".tacet")
			byHand := read(t, filepath.Join(filepath.Dir(unit.Key), base+"."+codec))
			sameSound(t, codec, byHand, opened)
		})
	}
}

// recipeOf takes the commands for opening it by hand out of a recording's own READ-ME.txt.
func recipeOf(t *testing.T, unit *demotest.Unit, file string) string {
	t.Helper()
	text := unit.Must(t, "tar", "xOf", unit.Path(file), "READ-ME.txt")
	_, text, ok := strings.Cut(text, "Without that program")
	text, _, ok2 := strings.Cut(text, "Who consented")
	var recipe []string
	for line := range strings.Lines(text) {
		if command, ok := strings.CutPrefix(line, "    "); ok {
			recipe = append(recipe, command)
		}
	}
	if !ok || !ok2 || len(recipe) != 2 {
		t.Fatalf("READ-ME.txt is not as this test knows it:\n%s", text)
	}
	return strings.Join(recipe, "")
}

// sameSound compares what was opened by hand with what tacet made of it: only the places of the length may differ.
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
