//go:build unix

package spool

import (
	"bytes"
	"testing"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// A script is a recording as it is appended, piece by piece: the head, segments, the end.
type script struct {
	name   string
	pieces [][]byte
}

func (s script) all() []byte { return bytes.Join(s.pieces, nil) }

// actors make scripts.
type actors struct {
	unit   recordingtest.Unit
	office recordingtest.Office
}

func cast(t testing.TB) actors {
	return actors{recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)}
}

// write makes a recording of segments of size bytes. Three of each five come in one piece, as after a
// stall.
func (a actors) write(t testing.TB, segments, size int) script {
	t.Helper()
	spec := recordingtest.Spec{Unit: a.unit, For: []string{a.office.Recipient}, ID: recording.NewID()}
	sealer := recordingtest.NewSealer(t, spec)
	head, err := sealer.Begin(recordingtest.Consent)
	check(t, err)
	s := script{recording.Name(recordingtest.Started, "room-3", spec.ID), [][]byte{head}}
	for n := 1; n <= segments; n++ {
		b, err := sealer.Segment(bytes.Repeat([]byte{byte(n)}, size), nil)
		check(t, err)
		if n%5 >= 3 {
			last := len(s.pieces) - 1
			s.pieces[last] = append(s.pieces[last], b...)
		} else {
			s.pieces = append(s.pieces, b)
		}
	}
	end, err := sealer.End(recording.End{Reason: recording.Withdrawn, Samples: int64(segments) * 8000},
		recordingtest.Closing)
	check(t, err)
	s.pieces = append(s.pieces, end)
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, fsys durable.FS) *Spool {
	t.Helper()
	s, err := Open(fsys)
	check(t, err)
	return s
}

// keep writes a whole script.
func keep(t testing.TB, s *Spool, r script) {
	t.Helper()
	f, err := s.Create(r.name)
	check(t, err)
	for _, p := range r.pieces {
		check(t, f.Append(p))
	}
	check(t, f.Close())
}

func bytesOf(t testing.TB, fsys durable.FS, name string) []byte {
	t.Helper()
	data, err := durable.ReadFile(fsys, name, 1<<24)
	check(t, err)
	return data
}

// state is what Verify says of a file in the spool.
func state(t testing.TB, fsys durable.FS, name string) recording.State {
	t.Helper()
	data := bytesOf(t, fsys, name)
	report, err := recording.Verify(bytes.NewReader(data), int64(len(data)), recording.Options{})
	check(t, err)
	return report.State
}

func names(t testing.TB, fsys durable.FS) []string {
	t.Helper()
	entries, err := fsys.ReadDir(".")
	check(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
