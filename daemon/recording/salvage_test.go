package recording_test

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"filippo.io/age"
	mewkiz "github.com/mewkiz/flac"

	"tacet/audio/ogg"
	"tacet/audio/wav"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// TestShifted: added or lost blocks move everything after them. The sound is still saved, wherever
// they are, as long as the key is whole. Other numbers of bytes move the headers off the blocks'
// borders: the file is still recognised as a damaged recording.
func TestShifted(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: recording.NewID(), Segments: 2}
	file := recordingtest.Make(t, spec)
	want, _, err := open(file, o.Identity)
	if err != nil {
		t.Fatal(err)
	}
	list := members(t, file)
	head := len(list[0].bytes)                                 // offset of recording.json
	consent := head + len(list[1].bytes) + len(list[2].bytes)  // of consent.age
	first := consent + len(list[3].bytes) + len(list[4].bytes) // of the first segment
	for _, at := range []int{0, 512, 1024, head - 512, head, head + 512, consent, first} {
		for _, change := range []int{1, 511, 512, 1024, -1, -7, -512} {
			changed := slices.Concat(file[:at], bytes.Repeat([]byte("x"), max(change, 0)), file[at+max(-change, 0):])
			what := fmt.Sprintf("%+d bytes at %d", change, at)
			if rep := verify(t, changed); rep.State != recording.Damaged {
				t.Errorf("%s: %v, %s", what, rep.State, rep.Why)
			}
			if change%512 != 0 || change < 0 && at >= head && at != consent {
				continue // not saved: off the borders, or too little is left of the key or the second
			}
			got, rep, err := open(changed, o.Identity)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s: %d of %d bytes of sound, %v, %v", what, len(got), len(want), err, rep.Damages)
			}
		}
	}
}

// TestOpenSalvages: whatever is broken, all seconds that can be opened are at their positions, and
// the others are silence.
func TestOpenSalvages(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	const total = 20
	for _, a := range []recording.Audio{opusAudio, flacAudio, wavAudio} {
		spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: recording.NewID(), Audio: a, Segments: total}
		other := spec
		other.ID = recording.NewID()
		list, others := members(t, recordingtest.Make(t, spec)), members(t, recordingtest.Make(t, other))
		at := func(name string) int { return find(t, list, name) }
		change := func(name string, i int) []member {
			out := slices.Clone(list)
			out[at(name)].bytes = altered(out[at(name)].bytes, i)
			return out
		}
		for name, c := range map[string]struct {
			list []member
			lost []int
		}{
			"a segment altered":     {change("000007.age", 600), []int{7}},
			"the first altered":     {change("000001.age", 600), []int{1}},
			"the last altered":      {change("000020.age", 600), nil}, // see below
			"a header altered":      {change("000007.age", 104), nil},
			"a segment dropped":     {slices.Delete(slices.Clone(list), at("000007.age"), at("000007.age")+1), []int{7}},
			"three seconds dropped": {slices.Delete(slices.Clone(list), at("000007.age"), at("000010.age")), []int{7, 8, 9}},
			"a note dropped":        {slices.Delete(slices.Clone(list), at("000007.note"), at("000007.note")+1), nil},
			"a segment twice":       {slices.Insert(slices.Clone(list), at("000007.age"), list[at("000007.age")]), nil},
			"another recording's": {slices.Replace(slices.Clone(list), at("000007.age"), at("000007.age")+1,
				others[at("000007.age")]), []int{7}},
			"a broken one before it": {slices.Insert(slices.Clone(list), at("000007.age"),
				change("000007.age", 700)[at("000007.age")]), nil},
			"recording.json altered": {change("recording.json", 512+3), nil},
			"recording.json's rate": {change("recording.json",
				512+bytes.Index(list[at("recording.json")].bytes[512:], []byte(`000,"chan`))-1), nil},
			"recording.json's id": {change("recording.json", 512+30), nil},
			"READ-ME altered":     {change("READ-ME.txt", 1000), nil},
			"no READ-ME":          {list[1:], nil},
			"no consent":          {slices.Delete(slices.Clone(list), at("consent.age"), at("consent.age")+1), nil},
			"no recording.note":   {slices.Delete(slices.Clone(list), at("recording.note"), at("recording.note")+1), nil},
			"no end":              {list[:at("end.age")], nil},
			"rubbish between":     {slices.Insert(slices.Clone(list), at("000007.age"), member{"", bytes.Repeat([]byte("rubbish "), 64)}), nil},
		} {
			t.Run(a.Codec+", "+name, func(t *testing.T) {
				got, rep, err := open(join(c.list), o.Identity)
				if err != nil {
					t.Fatal(err)
				}
				if rep.State.Complete() {
					t.Errorf("%v", rep.State)
				}
				var lost []int
				for _, s := range rep.Sound.Silence {
					for n := s.First; n <= s.Last; n++ {
						lost = append(lost, int(n))
					}
				}
				if !slices.Equal(lost, c.lost) {
					t.Errorf("silence for %v, want %v", lost, c.lost)
				}
				seconds := total
				if name == "the last altered" {
					seconds = total - 1 // after it nothing says how long it was
				}
				checkSound(t, a, spec.ID, got, seconds, lost)
			})
		}
	}
}

// checkSound expects so many seconds, each at its position.
func checkSound(t *testing.T, a recording.Audio, id string, got []byte, seconds int, lost []int) {
	t.Helper()
	if a.Codec == "wav" {
		second := a.Rate * a.Channels * 2
		if len(got) != wav.HeaderLen+seconds*second ||
			!bytes.HasPrefix(got, wav.Header(a.Rate, a.Channels, int64(seconds*second))) {
			t.Fatalf("%d bytes, or a wrong header", len(got))
		}
		for n := 1; n <= seconds; n++ {
			want := bytes.TrimPrefix(recordingtest.Sound(a, id, n, 20), wav.Header(a.Rate, a.Channels, wav.Unknown))
			if slices.Contains(lost, n) {
				want = make([]byte, second)
			}
			if !bytes.Equal(got[wav.HeaderLen+(n-1)*second:][:second], want) {
				t.Errorf("second %d is not what it should be", n)
			}
		}
		return
	}
	if a.Codec == "flac" {
		checkFLAC(t, a, got, seconds, lost)
		return
	}
	for i := range seconds + 2 {
		page, rest, err := ogg.Parse(got)
		if err != nil || page.Sequence != uint32(i) || (page.Flags&ogg.Last != 0) != (i == seconds+1) {
			t.Fatalf("page %d: %v, number %d, flags %d", i, err, page.Sequence, page.Flags)
		}
		got = rest
	}
	if len(got) > 0 {
		t.Errorf("%d bytes after the end", len(got))
	}
}

// checkFLAC decodes a FLAC file and compares its samples.
func checkFLAC(t *testing.T, a recording.Audio, got []byte, seconds int, lost []int) {
	t.Helper()
	stream, err := mewkiz.New(bytes.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	if want := uint64(seconds * a.Rate); stream.Info.NSamples != want {
		t.Errorf("the header says %d samples, want %d", stream.Info.NSamples, want)
	}
	var left []int32
	for {
		frame, err := stream.ParseNext()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		left = append(left, frame.Subframes[0].Samples...)
	}
	if len(left) != seconds*a.Rate {
		t.Fatalf("%d samples, want %d", len(left), seconds*a.Rate)
	}
	for n := 1; n <= seconds; n++ {
		want := recordingtest.Tone(a, n)
		for i, v := range left[(n-1)*a.Rate:][:a.Rate] {
			if slices.Contains(lost, n) && v != 0 || !slices.Contains(lost, n) && v != int32(want[i*a.Channels]) {
				t.Fatalf("second %d is not what it should be", n)
			}
		}
	}
}

// TestOpenUnfit: a second that the unit sealed and signed, but that doesn't belong to this
// recording, is reported and replaced.
func TestOpenUnfit(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: recording.NewID(), Audio: opusAudio, Segments: 20}
	for name, unfit := range map[string][]byte{
		"another second":      recordingtest.Sound(opusAudio, spec.ID, 6, 20),
		"another recording's": recordingtest.Sound(opusAudio, recording.NewID(), 7, 20),
		"rubbish":             []byte("rubbish"),
	} {
		t.Run(name, func(t *testing.T) {
			spec := spec
			spec.Sound = func(n int) []byte {
				if n == 7 {
					return unfit
				}
				return recordingtest.Sound(opusAudio, spec.ID, n, 20)
			}
			got, rep, err := open(recordingtest.Make(t, spec), o.Identity)
			if err != nil {
				t.Fatal(err)
			}
			if want := []recording.Span{{First: 7, Last: 7}}; rep.State != recording.Whole ||
				!slices.Equal(rep.Sound.Silence, want) {
				t.Errorf("%v, silence for %v", rep.State, rep.Sound.Silence)
			}
			if len(rep.Damages) != 1 || rep.Damages[0].Member != "000007.age" {
				t.Errorf("damages: %v", rep.Damages)
			}
			checkSound(t, opusAudio, spec.ID, got, 20, []int{7})
		})
	}
}

// TestOpenFarJump: a segment that nothing proves doesn't make Open write days of silence.
func TestOpenFarJump(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: recording.NewID(), Audio: wavAudio, Segments: 2}
	list := members(t, recordingtest.Make(t, spec))
	for i := range list {
		if list[i].name == "000003.age" {
			list[i].bytes = renamed(list[i].bytes, "999999.age")
		}
	}
	_, rep, err := open(join(list), o.Identity)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Sound.Seconds > 3 {
		t.Errorf("%d seconds", rep.Sound.Seconds)
	}
}

// TestSilenceIsBounded: segments that are hours apart don't make days of silence, and a caller may
// ask for less. What is left out is reported.
func TestSilenceIsBounded(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: recording.NewID(),
		Audio: recording.Audio{Codec: "wav", Rate: 8000, Channels: 1}, Segments: 20}
	list := members(t, recordingtest.Make(t, spec))
	list[find(t, list, "recording.note")].bytes = altered(list[find(t, list, "recording.note")].bytes, 600)
	apart := func(seconds int) []byte {
		out := slices.Clone(list)
		for n := 2; n <= 20; n++ {
			i := find(t, list, fmt.Sprintf("%06d.age", n))
			out[i].bytes = renamed(list[i].bytes, fmt.Sprintf("%06d.age", 1+(n-1)*seconds))
		}
		return join(out)
	}
	for _, c := range []struct {
		apart   int
		bound   time.Duration
		seconds int64 // that may be written
		left    []recording.Span
	}{
		{3600, 0, 12*3600 + 1, // 12 times 3,599 s of silence
			spansOf(12*3600+1+3600, 3600, 7)},
		{3601, 0, 1, spansOf(3602, 3601, 19)},
		{10, 45 * time.Second, 51, spansOf(61, 10, 14)},
		{2, 1500 * time.Millisecond, 3, spansOf(5, 2, 18)},
		{2, -1, 1, spansOf(3, 2, 19)},
		{1, -1, 20, nil},
	} {
		var wrote counter
		rep, err := recording.Open(bytes.NewReader(apart(c.apart)), int64(len(join(list))), &wrote, recording.Opening{
			Identities: []age.Identity{o.Identity}, Silence: c.bound})
		if err != nil {
			t.Fatal(err)
		}
		if rep.HeadProved || rep.Sound.Seconds != c.seconds || int64(wrote) != wav.HeaderLen+c.seconds*16000 {
			t.Errorf("%d s apart, %v: %d seconds, %d bytes", c.apart, c.bound, rep.Sound.Seconds, wrote)
		}
		if !slices.Equal(rep.Sound.LeftOut, c.left) {
			t.Errorf("%d s apart, %v: left out %v", c.apart, c.bound, rep.Sound.LeftOut)
		}
	}
}

// spansOf returns n seconds, apart seconds from each other.
func spansOf(first, apart int64, n int) (list []recording.Span) {
	for range n {
		list = append(list, recording.Span{First: first, Last: first})
		first += apart
	}
	return list
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// TestOpenEndInTheMiddle: the last, short second in an earlier one's place ends nothing.
func TestOpenEndInTheMiddle(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: recording.NewID(), Audio: wavAudio, Segments: 20}
	spec.Sound = func(n int) []byte {
		b := recordingtest.Sound(wavAudio, spec.ID, n, 20)
		if n == 20 {
			b = b[:400]
		}
		return b
	}
	list := members(t, recordingtest.Make(t, spec))
	list[find(t, list, "000005.age")].bytes = renamed(list[find(t, list, "000020.age")].bytes, "000005.age")
	got, rep, err := open(join(list), o.Identity)
	if err != nil {
		t.Fatal(err)
	}
	if want := []recording.Span{{First: 5, Last: 5}}; rep.Sound.Seconds != 20 || !slices.Equal(rep.Sound.Silence, want) {
		t.Errorf("%d seconds, silence for %v", rep.Sound.Seconds, rep.Sound.Silence)
	}
	if want := wav.HeaderLen + 19*32000 + 400; len(got) != want {
		t.Errorf("%d bytes, want %d", len(got), want)
	}
}

// TestOpenAfterTheEnd: what a recorder signed after the end of its own sound is reported, and the
// rest is kept.
func TestOpenAfterTheEnd(t *testing.T) {
	u, o := recordingtest.NewUnit(t, "high-street", "room-3"), recordingtest.NewOffice(t, recordingtest.Classic)
	for _, a := range []recording.Audio{opusAudio, flacAudio, wavAudio} {
		spec := recordingtest.Spec{Unit: u, For: []string{o.Recipient}, ID: recording.NewID(), Audio: a, Segments: 4}
		spec.Sound = func(n int) []byte {
			if n > 2 {
				return nil
			}
			return recordingtest.Sound(a, spec.ID, n, 2)
		}
		_, rep, err := open(recordingtest.Make(t, spec), o.Identity)
		if err != nil {
			t.Errorf("%s: %v", a.Codec, err)
		} else if rep.Sound.Seconds < 2 || len(rep.Damages) == 0 {
			t.Errorf("%s: %+v, %v", a.Codec, rep.Sound, rep.Damages)
		}
	}
}

// renamed gives a member another name, with the right checksum.
func renamed(m []byte, name string) []byte {
	m = bytes.Clone(m)
	copy(m, name)
	copy(m[148:156], "        ")
	sum := 0
	for _, b := range m[:512] {
		sum += int(b)
	}
	copy(m[148:156], fmt.Sprintf("%06o\x00 ", sum))
	return m
}
