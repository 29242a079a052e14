package clip_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
)

// resigned returns a clip that somebody with the unit's key made: a key of his own signs in the
// recording's place, whatever leaves and end.json say. change gets the lines of leaves.
func resigned(t *testing.T, s *source, list []member, change func(lines []string) []string) []byte {
	t.Helper()
	list = slices.Clone(list)
	skey, vkey, err := note.GenerateKey(rand.Reader, recording.Origin("high-street", "room-3", id))
	if err != nil {
		t.Fatal(err)
	}
	own, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	head := find(t, list, "recording.json")
	pattern := regexp.MustCompile(`"signing_key":"[^"]+"`)
	list[head].content = pattern.ReplaceAll(list[head].content, []byte(`"signing_key":"`+vkey+`"`))
	list[0].content = regexp.MustCompile(`own='[^']+'`).ReplaceAll(list[0].content, []byte("own='"+vkey+"'"))
	leaves := find(t, list, "leaves")
	lines := strings.SplitAfter(string(list[leaves].content), "\n")
	lines = lines[:len(lines)-1]
	rehash := func(name string) {
		for i, line := range lines {
			if strings.HasSuffix(line, "  "+name+"\n") {
				lines[i] = hexSum(list[find(t, list, name)].content) + line[64:]
			}
		}
	}
	rehash("recording.json")
	signer := s.spec.Unit.Signer
	list[find(t, list, "recording.note")].content = sign(t, lines[:4], signer)
	rehash("recording.note")
	for _, m := range list {
		if regexp.MustCompile(`^\d{6}\.(age|json)$|^end.json$`).MatchString(m.name) {
			rehash(m.name)
		}
	}
	lines = change(lines)
	if slices.ContainsFunc(lines, func(l string) bool { return strings.HasSuffix(l, "  end.age\n") }) {
		signer = own
	}
	list[leaves].content = []byte(strings.Join(lines, ""))
	list[find(t, list, "end.note")].content = sign(t, lines, signer)
	return pack(t, list)
}

// sign returns a note over leaves.
func sign(t *testing.T, lines []string, key note.Signer) []byte {
	t.Helper()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(at []int64) (list []tlog.Hash, err error) {
		for _, i := range at {
			list = append(list, stored[i])
		}
		return list, nil
	})
	for i, line := range lines {
		hashes, err := tlog.StoredHashes(int64(i), []byte(line[66:]+line[:64]+"\n"), reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(int64(len(lines)), reader)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%s\n%d\n%v\n", recording.Origin("high-street", "room-3", id), len(lines), root)
	msg, err := note.Sign(&note.Note{Text: text}, key)
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// TestSignedButWrong: what no recorder writes is refused, even if everything is signed well.
func TestSignedButWrong(t *testing.T) {
	to := recordingtest.NewOffice(t, recordingtest.Classic)
	s := record(t, audios[0], nil)
	list := members(t, s.clip(t, to, 2, 6))
	same := func(l []string) []string { return l }
	good := resigned(t, s, list, same)
	if rep, err := verify(good, s.spec.Unit.VKey); err != nil || !rep.Vouched {
		t.Fatalf("as a recorder writes it: %v", err)
	}
	if _, _, err := open(good, to.Identity); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func([]string) []string{
		"two members in another order": func(l []string) []string { l[5], l[6] = l[6], l[5]; return l },
		"a second left out":            func(l []string) []string { return slices.Delete(l, 5, 7) },
		"a second twice":               func(l []string) []string { return slices.Insert(l, 7, l[5], l[6]) },
		"a name that is none":          func(l []string) []string { l[5] = l[5][:66] + "../../x\n"; return l },
	} {
		mustRefuse(t, what, resigned(t, s, list, change), "leaves")
	}
	mac := slices.Clone(list)
	i := find(t, mac, "000004.age")
	mac[i].content = bytes.Clone(mac[i].content)
	mac[i].content[165] ^= 4 // of the original header's MAC
	file := resigned(t, s, mac, same)
	if _, err := verify(file); err != nil {
		t.Fatalf("only the receiver can tell, but %v", err)
	}
	if _, _, err := open(file, to.Identity); !isFault(err) || !strings.Contains(err.Error(), "000004.age") {
		t.Errorf("a header that another key made: %v", err)
	}

	cut := record(t, audios[0], func(s *recordingtest.Spec) { s.Cut = true })
	cut.recover(t)
	list = members(t, cut.clip(t, to, 2, 6))
	mustRefuse(t, "another last checkpoint", resigned(t, cut, list, same), "end.json")
	withdrawn := slices.Clone(list)
	i = find(t, withdrawn, "end.json")
	withdrawn[i].content = bytes.Replace(withdrawn[i].content, []byte("interrupted"), []byte("withdrawn"), 1)
	mustRefuse(t, "another reason", resigned(t, cut, withdrawn, same), "end.age is missing")
}
