package recording

import (
	"bytes"
	"strings"

	"filippo.io/age"
)

// Types of stanzas in key.age that a recorder writes: one for each recipient.
const (
	ClassicStanza = "X25519"
	HybridStanza  = "mlkem768x25519"
)

// stanzasOf returns the types of the stanzas in an age file's header, nil if it has none that can
// be read. Each is a way to open the file: for a recipient who has the identity, or whatever else
// the type says. For which recipient one is, it doesn't tell.
func stanzasOf(file []byte) []string {
	header, err := age.ExtractHeader(bytes.NewReader(file))
	if err != nil {
		return nil
	}
	var types []string
	for line := range strings.Lines(string(header)) {
		if rest, ok := strings.CutPrefix(line, "-> "); ok {
			name, _, _ := strings.Cut(strings.TrimSuffix(rest, "\n"), " ")
			types = append(types, name)
		}
	}
	return types
}
