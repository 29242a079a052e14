package recording

import (
	"bytes"
	_ "embed"
	"strings"
	"text/template"
)

//go:embed readme.txt
var readMeText string

var readMeTemplate = template.Must(template.New("READ-ME.txt").Parse(readMeText))

// readMe writes READ-ME.txt. A reader doesn't depend on its words: they may
// change without a new version of the format.
func readMe(h *Head) ([]byte, error) {
	file := h.FileName()
	var buf bytes.Buffer
	err := readMeTemplate.Execute(&buf, map[string]string{
		"File":   file,
		"Base":   strings.TrimSuffix(file, Extension),
		"Ext":    h.Audio.Codec,
		"Room":   h.Room,
		"Site":   h.Site,
		"Format": h.Format,
	})
	return buf.Bytes(), err
}
