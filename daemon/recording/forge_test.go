package recording

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// forgery is a recording and all the keys that a forger may have.
type forgery struct {
	file   []byte // without an end
	unit   note.Signer
	vkey   string
	sealer *Sealer
}

func forge(t *testing.T, sign func(note.Signer) note.Signer) *forgery {
	t.Helper()
	skey, vkey, err := NewUnitKey("high-street", "room-3")
	if err != nil {
		t.Fatal(err)
	}
	unit := must(note.NewSigner(skey))
	_, to := testPair(t)
	h := Head{ID: NewID(), Site: "high-street", Room: "room-3", Started: time.Unix(1795269802, 0), Clock: "synced",
		Light: "proved",
		Audio: Audio{Codec: "wav", Rate: 8000, Channels: 1}, Parties: []string{"room"}, UnitKey: vkey}
	s, err := NewSealer(h, Key{Age: []byte("age"), Recipient: to}, sign(unit))
	if err != nil {
		t.Fatal(err)
	}
	file := must(s.Begin(nil))
	for range 3 {
		file = append(file, must(s.Segment([]byte("sound"), nil))...)
	}
	return &forgery{file, unit, vkey, s}
}

func honest(s note.Signer) note.Signer { return s }

// ended closes the file with the given end.
func (f *forgery) ended(t *testing.T, endAge bool, e End, key note.Signer) []byte {
	t.Helper()
	b := f.sealer.file.batch()
	if endAge {
		b.member(name{kind: kindEndAge}, []byte("age"))
	}
	b.json(name{kind: kindEndJSON}, e)
	b.note(name{kind: kindEndNote}, key)
	if b.err != nil {
		t.Fatal(b.err)
	}
	b.close()
	return append(bytes.Clone(f.file), b.out...)
}

func verifyBytes(t *testing.T, file []byte, known ...string) *Report {
	t.Helper()
	return must(Verify(bytes.NewReader(file), int64(len(file)), Options{Units: known}))
}

// TestWhoMayEnd: the unit's key can close a recording only as interrupted; the recording's key
// can't close it as interrupted.
func TestWhoMayEnd(t *testing.T) {
	f := forge(t, honest)
	last := string(f.sealer.covered.append(nil))
	for name, c := range map[string]struct {
		endAge bool
		end    End
		own    bool
		want   State
	}{
		"as recorders do":               {true, End{Reason: Withdrawn}, true, Whole},
		"as units do":                   {false, End{Reason: InterruptedBy, Last: last}, false, Interrupted},
		"whole, by the unit":            {true, End{Reason: Withdrawn}, false, Damaged},
		"whole, without end.age":        {false, End{Reason: Withdrawn}, true, Damaged},
		"whole, but for end.age":        {false, End{Reason: Withdrawn, Last: last}, true, Damaged},
		"interrupted, by the recording": {false, End{Reason: InterruptedBy, Last: last}, true, Damaged},
		"interrupted, with end.age":     {true, End{Reason: InterruptedBy, Last: last}, false, Damaged},
		"interrupted, elsewhere": {false,
			End{Reason: InterruptedBy, Last: strings.Replace(last, "\n10\n", "\n8\n", 1)}, false, Damaged},
		"interrupted, not saying where":  {false, End{Reason: InterruptedBy}, false, Damaged},
		"for no reason that there is":    {true, End{Reason: "tired"}, true, Damaged},
		"with less than no samples":      {true, End{Reason: Withdrawn, Samples: -1}, true, Damaged},
		"whole, without end.age by unit": {false, End{Reason: Withdrawn}, false, Damaged},
	} {
		t.Run(name, func(t *testing.T) {
			var key note.Signer = f.unit
			if c.own {
				key = f.sealer.signingKey
			}
			rep := verifyBytes(t, f.ended(t, c.endAge, c.end, key), f.vkey)
			if rep.State != c.want || rep.State == Damaged && rep.Why == "" {
				t.Errorf("%v, want %v: %s", rep.State, c.want, rep.Why)
			}
		})
	}
}

// liar has a key's name and hash, but not the key.
type liar struct{ note.Signer }

func (l liar) Sign(msg []byte) ([]byte, error) {
	sig, err := l.Signer.Sign(msg)
	sig[7] ^= 1
	return sig, err
}

// TestHeadIsSigned: without the unit's key nobody can start a recording in its name, even if he can
// sign everything after the head.
func TestHeadIsSigned(t *testing.T) {
	f := forge(t, func(s note.Signer) note.Signer { return liar{s} })
	rep := verifyBytes(t, append(f.file, must(f.sealer.End(End{Reason: Stopped}, nil))...), f.vkey)
	if rep.State != Damaged || rep.HeadProved || rep.Vouched || rep.Segments != 0 {
		t.Errorf("%v, head proved %v, vouched %v, %d segments proved", rep.State, rep.HeadProved, rep.Vouched, rep.Segments)
	}
}

// TestTimeIsTheHeads: the archive's time must be the signed one.
func TestTimeIsTheHeads(t *testing.T) {
	f := forge(t, honest)
	s := must(NewSealer(f.sealer.Head(), f.sealer.key, f.unit))
	s.file.headers = must(newHeaders(s.file.headers.mtime + 1))
	file := append(must(s.Begin(nil)), must(s.End(End{Reason: Stopped}, nil))...)
	if rep := verifyBytes(t, file, f.vkey); rep.State != Damaged {
		t.Errorf("%v", rep.State)
	}
}

// TestVouching: a unit is recognised by its whole key, not its name or hash.
func TestVouching(t *testing.T) {
	f := forge(t, honest)
	_, other, err := NewUnitKey("high-street", "room-3")
	if err != nil {
		t.Fatal(err)
	}
	name, rest, _ := strings.Cut(f.vkey, "+")
	hash, _, _ := strings.Cut(rest, "+")
	_, foreign, _ := strings.Cut(strings.SplitN(other, "+", 2)[1], "+")
	for _, c := range []struct {
		known []string
		want  bool
	}{{nil, false}, {[]string{other}, false}, {[]string{name}, false},
		{[]string{name + "+" + hash + "+" + foreign}, false}, {[]string{other, f.vkey}, true}} {
		if rep := verifyBytes(t, f.file, c.known...); rep.Vouched != c.want || !rep.HeadProved {
			t.Errorf("known %q: vouched %v", c.known, rep.Vouched)
		}
	}
}

// TestSealerRefuses: a Sealer refuses what could not be read again, and a call that fails changes
// nothing.
func TestSealerRefuses(t *testing.T) {
	f := forge(t, honest)
	_, to := testPair(t)
	good := f.sealer.Head()
	for name, change := range map[string]func(*Head){
		"no site":       func(h *Head) { h.Site = "" },
		"a bad room":    func(h *Head) { h.Room = "Room 3" },
		"another room":  func(h *Head) { h.Room = "room-4" },
		"a bad id":      func(h *Head) { h.ID = "x" },
		"no clock":      func(h *Head) { h.Clock = "" },
		"no light":      func(h *Head) { h.Light = "" },
		"no parties":    func(h *Head) { h.Parties = nil },
		"a bad party":   func(h *Head) { h.Parties = []string{"Dr. No"} },
		"no codec":      func(h *Head) { h.Audio.Codec = "" },
		"no rate":       func(h *Head) { h.Audio.Rate = 0 },
		"before 1970":   func(h *Head) { h.Started = time.Unix(-1, 0) },
		"no unit key":   func(h *Head) { h.UnitKey = "" },
		"another unit":  func(h *Head) { _, h.UnitKey, _ = NewUnitKey("high-street", "room-3") },
		"another place": func(h *Head) { _, h.UnitKey, _ = NewUnitKey("high-street", "room-4") },
	} {
		h := good
		change(&h)
		if _, err := NewSealer(h, Key{Age: []byte("age"), Recipient: to}, f.unit); err == nil {
			t.Errorf("%s: begun", name)
		}
	}
	if _, err := NewSealer(good, Key{}, f.unit); err == nil {
		t.Error("without a key: begun")
	}
	s := f.sealer
	leaves, root := s.Leaves(), s.Root()
	if _, err := s.Begin(nil); err == nil {
		t.Error("begun twice")
	}
	if _, err := s.Segment(make([]byte, MaxSegment), nil); err == nil {
		t.Error("a segment that is too long")
	}
	if _, err := s.End(End{Reason: InterruptedBy}, nil); err == nil {
		t.Error("ended as interrupted")
	}
	if _, err := s.End(End{Reason: "tired"}, nil); err == nil {
		t.Error("ended for no reason")
	}
	if s.Leaves() != leaves || s.Root() != root {
		t.Error("calls that failed changed something")
	}
	file := slices.Concat(f.file, must(s.End(End{Reason: Stopped, Samples: 24000}, nil)))
	if rep := verifyBytes(t, file, f.vkey); rep.State != Whole {
		t.Errorf("%v: %s", rep.State, rep.Why)
	}
	if s.signingKey.private != nil {
		t.Error("the signing key is still there")
	}
	if _, err := s.Segment([]byte("sound"), nil); err == nil {
		t.Error("a segment after the end")
	}
	if !bytes.Contains(file, s.HeadNote()) || !bytes.Contains(file, s.Checkpoint()) ||
		bytes.Equal(s.HeadNote(), s.Checkpoint()) {
		t.Error("the notes are not those of the file")
	}
}

// TestEachSecondsOwnNote: a second whose own note is not signed by the recording isn't released as
// proved, whoever closed the recording.
func TestEachSecondsOwnNote(t *testing.T) {
	f := forge(t, honest)
	b := f.sealer.file.batch()
	b.member(name{kind: kindSegment, n: 4}, must(seal([]byte("sound"), f.sealer.key.Recipient)))
	b.note(name{kind: kindNote, n: 4}, liar{f.sealer.signingKey})
	f.sealer.file, f.file = b.appender, append(f.file, b.out...)
	w := newWalk(bytes.NewReader(f.file), int64(len(f.file)))
	w.run()
	file := f.ended(t, false, End{Reason: InterruptedBy, Last: string(w.matched.covered.append(nil))}, f.unit)
	if rep := verifyBytes(t, file, f.vkey); rep.State != Interrupted {
		t.Fatalf("%v: %s", rep.State, rep.Why)
	}
	rep, err := inspect(bytes.NewReader(file), int64(len(file)), &contents{}, &Options{})
	if err != nil || rep.State != Damaged || rep.Segments != 3 || len(rep.Damages) == 0 ||
		rep.Damages[0].Member != "000004.note" {
		t.Errorf("to be opened: %v, %d seconds, %v, %v", rep.State, rep.Segments, rep.Damages, err)
	}
}
