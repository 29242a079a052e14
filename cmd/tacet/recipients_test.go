package main

import (
	"testing"

	"tacet/daemon/recording"
)

// Any stanza in key.age that the named recipients don't account for lets somebody else in.
func TestRecipientSet(t *testing.T) {
	const x, pq = recording.ClassicStanza, recording.HybridStanza
	allowed := recipientSet{"a": x, "b": x, "c": pq, "d": pq}
	for _, c := range []struct {
		named, stanzas []string
		ok             bool
	}{
		{[]string{"a"}, []string{x}, true},
		{[]string{"a", "b"}, []string{x, x}, true},
		{[]string{"c", "d"}, []string{pq, pq}, true},
		{[]string{"a", "c"}, []string{pq, x}, true},
		{[]string{"a"}, []string{x, x}, false},
		{[]string{"a"}, []string{pq}, false},
		{[]string{"a", "c"}, []string{x, x}, false},
		{[]string{"a", "a"}, []string{x, x}, false},
		{[]string{"a", "b"}, []string{x}, false},
		{[]string{"a"}, []string{"scrypt"}, false},
		{[]string{"a", "b"}, []string{x, "ssh-ed25519"}, false},
		{[]string{"a"}, []string{"x25519"}, false},
		{[]string{"a", "e"}, []string{x, x}, false},
		{[]string{"a"}, nil, false},
		{nil, []string{x}, false},
		{nil, nil, false},
	} {
		for _, proved := range []bool{true, false} {
			rep := &recording.Report{HeadProved: proved, Head: recording.Head{Recipients: c.named}, Stanzas: c.stanzas}
			if err := allowed.check(rep); (err == nil) != (c.ok && proved) {
				t.Errorf("names %q, stanzas %q, proved %v: %v", c.named, c.stanzas, proved, err)
			}
		}
	}
}
