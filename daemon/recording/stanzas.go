package recording

import (
	"bytes"
	"strings"

	"filippo.io/age"
)

// Types of the stanzas that a recorder writes into key.age, one for each recipient.
const (
	ClassicStanza = "X25519"
	HybridStanza  = "mlkem768x25519"
)

// stanzasOf returns the types of the stanzas in an age file's header, or nil if it can't be read.
// Each stanza is one way to open the file. It doesn't tell for which recipient.
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
