package main

import (
	"strings"
	"testing"

	"tacet/daemon/consent"
	"tacet/daemon/recording"
)

// Every reason that the unit writes is described, and no description sounds as if somebody wants
// the recording deleted.
func TestEveryEndHasWords(t *testing.T) {
	for _, reason := range []string{recording.Withdrawn, recording.Lapsed, recording.Fault, recording.Stopped,
		recording.InterruptedBy} {
		if words := endingText(reason); !strings.HasPrefix(words, "ended ") || strings.Contains(words, "withdr") {
			t.Errorf("%s: %q", reason, words)
		}
	}
	if endingText("") != "" || endingText("unknown") != "unknown" {
		t.Error("an unknown reason is not returned as it is")
	}
	for _, cause := range []string{consent.CauseMax, consent.CauseQuiet, consent.CauseWaiting, consent.CauseDoor,
		consent.CauseFault, consent.CauseStopped, consent.CauseSlept} {
		words := describeAct(recording.Act{Act: consent.Lapsed, Cause: cause})
		if !strings.HasPrefix(words, "ended by itself: ") || strings.HasSuffix(words, ": "+cause) ||
			strings.Contains(words, "  ") {
			t.Errorf("%s: %q", cause, words)
		}
	}
	for act, want := range map[recording.Act]string{
		{Party: "patient", Act: consent.Gave}:        "patient gave consent",
		{Party: "patient", Act: consent.Withdrew}:    "patient ended it by a press",
		{Act: consent.Lapsed}:                        "ended by itself",
		{Act: consent.Lapsed, Cause: "unknown"}:      "ended by itself: unknown",
		{Party: "x", Act: "unknown", Cause: "cause"}: "x unknown (cause)",
	} {
		if got := describeAct(act); got != want {
			t.Errorf("%+v: %q, want %q", act, got, want)
		}
	}
}

func TestCheckExtension(t *testing.T) {
	for _, c := range []struct{ out, codec, right string }{
		{"a.opus", "opus", ""}, {"a.OGG", "opus", ""}, {"a.oga", "opus", ""}, {"a", "opus", ""}, {"-", "opus", ""},
		{"a.bin", "opus", ""}, {"dir.mp3/a", "opus", ""}, {"a.mp3.opus", "opus", ""},
		{"a.mp3", "opus", "a.opus"}, {"a.M4A", "opus", "a.opus"}, {"a.wav", "opus", "a.opus"}, {"a.flac", "opus", "a.opus"},
		{"dir.d/a.b.mp3", "opus", "dir.d/a.b.opus"}, {".mp3", "wav", ".wav"},
		{"a.flac", "flac", ""}, {"a.wav", "flac", "a.flac"}, {"a.opus", "flac", "a.flac"}, {"a.wav", "wav", ""},
		{"a.wave", "wav", ""}, {"a.opus", "wav", "a.wav"}, {"a.aiff", "wav", "a.wav"},
		{"a.mp3", "unknown", ""},
	} {
		err := checkExtension(c.out, c.codec)
		if (err == nil) != (c.right == "") {
			t.Errorf("%s of %s: %v", c.out, c.codec, err)
		}
		if err == nil {
			continue
		}
		if h, ok := err.(interface{ Hint() string }); !ok || !strings.HasPrefix(h.Hint(), "write -o "+c.right+";") {
			t.Errorf("%s of %s: %v", c.out, c.codec, err)
		}
	}
}
