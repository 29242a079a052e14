package library

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tacet/daemon/recording/recordingtest"
)

func (s *fixture) verdict(name string) (v Verdict) {
	s.t.Helper()
	w := s.get("/" + name + "/verify")
	if w.Code != 200 {
		s.t.Fatalf("answer %d %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		s.t.Fatal(err)
	}
	return v
}

func TestVerdict(t *testing.T) {
	s := newFixture(t, true)
	whole := s.add(recordingtest.Spec{Segments: 62}, nil)
	v := s.verdict(whole)
	if v.State != "whole" || !strings.Contains(v.Text, "1 minute 2 seconds") ||
		!strings.Contains(v.Text, "pressed to stop") || !strings.Contains(v.Text, "This unit made it") {
		t.Errorf("whole: %+v", v)
	}
	damaged := s.add(recordingtest.Spec{Segments: 3}, func(data []byte) []byte {
		data[bytes.Index(data, []byte("000002.age"))+512+300] ^= 1
		return data
	})
	if v = s.verdict(damaged); v.State != "damaged" || !strings.Contains(v.Text, "Second 2") {
		t.Errorf("damaged: %+v", v)
	}
	cut := s.add(recordingtest.Spec{Segments: 3, Cut: true}, nil)
	if v = s.verdict(cut); v.State != "unfinished" || !strings.Contains(v.Text, "second 3") {
		t.Errorf("unfinished: %+v", v)
	}
	for range 2 * maxStreams { // each releases its place
		s.verdict(cut)
	}
	stranger := newFixture(t, false)
	name := stranger.add(recordingtest.Spec{Segments: 1}, nil)
	if v = stranger.verdict(name); v.State != "whole" || !strings.Contains(v.Text, "its key isn’t known") {
		t.Errorf("of an unknown unit: %+v", v)
	}
}

func TestFormatLength(t *testing.T) {
	for length, want := range map[time.Duration]string{
		0: "0 seconds", time.Second: "1 second", 1400 * time.Millisecond: "1 second", 59600 * time.Millisecond: "1 minute",
		2 * time.Minute: "2 minutes", 2*time.Hour + time.Second: "2 hours 1 second",
		time.Hour + 90*time.Second: "1 hour 1 minute 30 seconds",
	} {
		if got := formatLength(length); got != want {
			t.Errorf("%v is %q, want %q", length, got, want)
		}
	}
}
