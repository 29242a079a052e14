// Package recordingtest makes recordings for tests: real ones, sealed as a unit seals them, with
// synthetic sound.
//
//	office := recordingtest.NewOffice(t, recordingtest.Hybrid)
//	unit := recordingtest.NewUnit(t, "high-street", "room-3")
//	file := recordingtest.Make(t, recordingtest.Spec{Unit: unit, For: []string{office.Recipient}, Segments: 5})
//
// Unlike a unit it makes the recording's key pair in its own process.
package recordingtest

import (
	"cmp"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"tacet/daemon/recording"
)

// Started is the default start of this package's recordings.
var Started = time.Date(2026, 11, 21, 14, 3, 22, 417e6, time.UTC)

// A Unit is a recorder's key.
type Unit struct {
	Site, Room string
	Signer     note.Signer
	SKey, VKey string
}

// NewUnit makes a unit's key.
func NewUnit(t testing.TB, site, room string) Unit {
	t.Helper()
	skey, vkey, err := recording.NewUnitKey(site, room)
	if err != nil {
		t.Fatal(err)
	}
	return UnitOf(t, site, room, skey, vkey)
}

// UnitOf returns the unit with the given key.
func UnitOf(t testing.TB, site, room, skey, vkey string) Unit {
	t.Helper()
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	return Unit{site, room, signer, skey, vkey}
}

// Kinds of age identities.
const (
	Hybrid  = true
	Classic = false
)

// An Office holds an identity that opens recordings.
type Office struct {
	Identity  age.Identity
	Recipient string
	Secret    string // the line in the identity file
}

// NewOffice makes an identity.
func NewOffice(t testing.TB, hybrid bool) Office {
	t.Helper()
	if hybrid {
		id, err := age.GenerateHybridIdentity()
		if err != nil {
			t.Fatal(err)
		}
		return Office{id, id.Recipient().String(), id.String()}
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return Office{id, id.Recipient().String(), id.String()}
}

// Spec describes a recording. Unit and For must be set; everything else has a default.
type Spec struct {
	Unit     Unit
	For      []string        // recipients
	Named    []string        // recipients that recording.json names; default: For
	ID       string          // default: a new one
	Started  time.Time       // default: Started
	Clock    string          // default: synced
	Audio    recording.Audio // default: WAV, 8000 samples per second
	Segments int
	Happened map[int]*recording.Happening // by segment, from 1

	// Sound returns segment n's content; default: that of Audio's codec. Two recordings with the
	// same sound still differ, because each is sealed with its own key.
	Sound func(n int) []byte

	Reason  string // default: withdrawn
	Samples int64  // default: full seconds

	// Cut leaves the file without an end, as a power cut does.
	Cut bool
}

// Head returns the recording's head.
func (s *Spec) Head() recording.Head {
	named := s.For
	if s.Named != nil {
		named = s.Named
	}
	prints := make([]string, len(named))
	for i, r := range named {
		prints[i] = recording.Fingerprint(r)
	}
	return recording.Head{
		ID:         s.ID,
		Site:       s.Unit.Site,
		Room:       s.Unit.Room,
		Started:    s.Started,
		Clock:      cmp.Or(s.Clock, "synced"),
		Boot:       "5f0c2a71",
		Audio:      s.Audio,
		Parties:    []string{"patient", "clinician"},
		Notice:     "2026-03",
		Purpose:    "Your own record of this consultation",
		Light:      "proved",
		Recipients: prints,
		UnitKey:    s.Unit.VKey,
	}
}

func (s *Spec) defaults() {
	if s.ID == "" {
		s.ID = recording.NewID()
	}
	if s.Started.IsZero() {
		s.Started = Started
	}
	if s.Audio.Codec == "" {
		s.Audio = recording.Audio{Codec: "wav", Rate: 8000, Channels: 1}
	}
	if s.Sound == nil {
		s.Sound = func(n int) []byte { return Sound(s.Audio, s.ID, n, s.Segments) }
	}
	if s.Reason == "" {
		s.Reason = recording.Withdrawn
	}
	if s.Samples == 0 {
		s.Samples = int64(s.Segments) * int64(s.Audio.Rate)
	}
}

// Acts that led to a recording, and to its end.
var (
	Consent = []recording.Act{
		{Party: "clinician", Act: "gave", Time: Started.Add(-4 * time.Second), Line: "GPIO6"},
		{Party: "patient", Act: "gave", Time: Started.Add(-time.Second), Line: "GPIO5"},
	}
	Closing = []recording.Act{
		{Party: "patient", Act: "withdrew", Time: Started.Add(time.Minute), Line: "GPIO5"},
	}
)

// Make returns a recording's file.
func Make(t testing.TB, s Spec) []byte {
	t.Helper()
	s.defaults()
	sealer := NewSealer(t, s)
	file, err := sealer.Begin(Consent)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= s.Segments; n++ {
		b, err := sealer.Segment(s.Sound(n), s.Happened[n])
		if err != nil {
			t.Fatal(err)
		}
		file = append(file, b...)
	}
	if s.Cut {
		return file
	}
	acts := Closing
	if s.Reason == recording.Lapsed {
		acts = []recording.Act{{Act: "lapsed", Time: Started.Add(time.Hour), Cause: "max"}}
	}
	b, err := sealer.End(recording.End{Reason: s.Reason, Samples: s.Samples}, acts)
	if err != nil {
		t.Fatal(err)
	}
	return append(file, b...)
}

// NewSealer returns the sealer of a recording, for tests that write one in pieces.
func NewSealer(t testing.TB, s Spec) *recording.Sealer {
	t.Helper()
	s.defaults()
	recipients, err := recording.ParseRecipients(s.For)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := recording.SealIdentity(identity, recording.Origin(s.Unit.Site, s.Unit.Room, s.ID), recipients)
	if err != nil {
		t.Fatal(err)
	}
	key := recording.Key{Age: sealed, Recipient: identity.Recipient()}
	sealer, err := recording.NewSealer(s.Head(), key, s.Unit.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return sealer
}
