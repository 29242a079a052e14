package visit

import (
	"archive/tar"
	"bytes"
	"io"
	"slices"
	"testing"

	"tacet/daemon/recording/bundle"
	"tacet/daemon/recording/recordingtest"
)

type member struct {
	name    string
	content []byte
}

func unpack(t *testing.T, file []byte) (list []member) {
	t.Helper()
	for r := tar.NewReader(bytes.NewReader(file)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, member{h.Name, content})
	}
}

func pack(t *testing.T, list []member) []byte {
	t.Helper()
	var b bytes.Buffer
	w := bundle.NewWriter(&b, recordingtest.Started.Unix())
	for _, m := range list {
		if err := w.Add(m.name, m.content); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return b.Bytes()
}

// TestEveryMember: no member of a proof may be dropped, doubled, swapped with another, shortened,
// or that of another recording's proof.
func TestEveryMember(t *testing.T) {
	for _, a := range audios {
		s, other := record(t, a, 6), record(t, a, 6)
		sound := Sounds(a.Codec)[0]
		files, his := s.copied(t, parts["without"]), other.copied(t, parts["without"])
		list, foreign := unpack(t, files[ProofName]), unpack(t, his[ProofName])
		refuse := func(what string, forged []member) {
			t.Helper()
			if err := check(pack(t, forged), files[sound], sound); !isFault(err) {
				t.Errorf("%s, %s: %v", a.Codec, what, err)
			}
		}
		if err := check(pack(t, list), files[sound], sound); err != nil {
			t.Fatal(err)
		}
		for i, m := range list {
			refuse(m.name+" dropped", slices.Delete(slices.Clone(list), i, i+1))
			refuse(m.name+" doubled", slices.Insert(slices.Clone(list), i, m))
			if !bytes.Equal(m.content, foreign[i].content) {
				refuse(m.name+" of another recording", slices.Replace(slices.Clone(list), i, i+1, foreign[i]))
			}
			if n := len(m.content); n > 1 {
				refuse(m.name+" shortened", slices.Replace(slices.Clone(list), i, i+1, member{m.name, m.content[:n/2]}))
			}
			for j := range list[:i] {
				swapped := slices.Clone(list)
				swapped[i], swapped[j] = swapped[j], swapped[i]
				refuse(m.name+" and "+list[j].name+" swapped", swapped)
			}
			if m.name != "seals" {
				continue
			}
			for _, extra := range []member{{"sizes", make([]byte, 16)}, {"edges", []byte("more")}} {
				if list[i+1].name != extra.name && (i+2 == len(list) || list[i+2].name != extra.name) {
					refuse(extra.name+" where it doesn't belong", slices.Insert(slices.Clone(list), i+1, extra))
				}
			}
		}
	}
}
