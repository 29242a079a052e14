package topic

import "testing"

// The hashes are those that this gives:
//
//	printf 'aaaa\nbbbb' | sha256sum | head -c 32
func TestRecipientsHash(t *testing.T) {
	for _, c := range []struct {
		of   []string
		want string
	}{
		{[]string{"aaaa"}, "61be55a8e2f6b4e172338bddf184d6db"},
		{[]string{"aaaa", "bbbb"}, "ba4ee8b292d66d354ae2c23b3eb32f2a"},
		{[]string{"bbbb", "aaaa"}, "ba4ee8b292d66d354ae2c23b3eb32f2a"},
		{[]string{"aaaabbbb"}, "e5c1edb50ff8b4fcc3ead3a845ffbe1a"},
		{nil, "e3b0c44298fc1c149afbf4c8996fb924"},
	} {
		if got := RecipientsHash(c.of); got != c.want {
			t.Errorf("of %q: %s, want %s", c.of, got, c.want)
		}
	}
	list := []string{"bbbb", "aaaa"}
	if RecipientsHash(list); list[0] != "bbbb" {
		t.Error("it sorts its caller's list")
	}
}
