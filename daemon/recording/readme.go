package recording

import (
	_ "embed"
	"strings"
)

//go:embed readme.txt
var readMeText string

// readMe writes READ-ME.txt. A reader doesn't depend on its words: they may change without a new
// version of the format.
//
// text/template would do this too, and make the program on the unit larger by a third: with it the
// linker keeps every method of every library.
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
