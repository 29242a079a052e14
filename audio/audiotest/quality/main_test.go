package main

import (
	"strings"
	"testing"
)

// The whole comparison, with all voices and rooms, is the program's. This is a part of it that
// shows when something goes wrong.
func TestSpeechIsNoWorseThanFromOpusenc(t *testing.T) {
	list, err := scenes([]string{person, "en-gb+f2", "en-us+m3"}, []string{"quiet", "office", "street"})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := judge(peer(peers), list)
	if err != nil {
		t.Fatal(err)
	}
	result, err := judge(ours(standard), list)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("opusenc %+v", theirs.all)
	t.Logf("ours    %+v", result.all)
	for _, c := range complaints(result, theirs) {
		t.Error(c)
	}
}

// What the comparison is for: it sees a band that is left out, and words that are lost.
func TestTheComparisonSeesWhatIsLost(t *testing.T) {
	list, err := scenes([]string{person}, []string{"quiet"})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := judge(peer(peers), list)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		coder   string
		bitrate int
		says    string
	}{
		{"audio, 8 kHz, complexity 5.", standard, "from the original than from opusenc in 8000 to 12000 Hz"},
		{"audio, 12 kHz, complexity 5.", 12000, "is understood worse"},
	} {
		for _, coder := range candidates(c.bitrate) {
			if coder.name != c.coder {
				continue
			}
			r, err := judge(coder, list)
			if err != nil {
				t.Fatal(err)
			}
			if said := strings.Join(complaints(r, theirs), "\n"); !strings.Contains(said, c.says) {
				t.Errorf("%s at %d bit/s: it says %q", c.coder, c.bitrate, said)
			}
			c.coder = ""
		}
		if c.coder != "" {
			t.Errorf("no candidate is called %q", c.coder)
		}
	}
}
