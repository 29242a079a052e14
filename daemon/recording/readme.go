package recording

import (
	_ "embed"
	"strings"
)

//go:embed readme.txt
var readMeText string

// readMe writes READ-ME.txt. Readers don't depend on its words, so they may change without a new
// format version.
//
// It doesn't use text/template: with that the linker keeps every method of every library, which
// makes the program on the unit a third larger.
func readMe(h *Head) []byte {
	file := h.FileName()
	return []byte(strings.NewReplacer(
		"{file}", file,
		"{base}", strings.TrimSuffix(file, Extension),
		"{ext}", h.Audio.Codec,
		"{room}", h.Room,
		"{site}", h.Site,
		"{format}", h.Format,
	).Replace(readMeText))
}
