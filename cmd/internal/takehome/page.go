package takehome

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
)

//go:embed listen.html
var pageText string

//go:embed listen.css
var style string

//go:embed listen.js
var script string

var page = template.Must(template.New("").Parse(pageText))

// soundHere stands in the page where the sound goes.
const soundHere = "@sound@"

// mediaTypes are the media types of the file that the page plays.
var mediaTypes = map[string]string{"opus": "audio/mp4", "flac": "audio/flac", "wav": "audio/wav"}

// Page writes listen.html with the sound in it. It holds no more than the page's text in memory.
//
// Its content security policy lets nothing run but its own script, and nothing be loaded but the
// sound, from the page itself or, without scripts, from the file beside it.
func (a *About) Page(w io.Writer, sound io.Reader) error {
	var b bytes.Buffer
	err := page.Execute(&b, map[string]any{
		"A": a, "Style": template.CSS(style), "Script": template.JS(script), "Type": mediaTypes[a.Codec],
		"Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; media-src blob: 'self' file:; " +
			"style-src " + hash(style) + "; script-src " + hash(script),
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", PageName, err)
	}
	before, after, ok := bytes.Cut(b.Bytes(), []byte(soundHere))
	if !ok {
		return errors.New("the page has no place for the sound")
	}
	out := bufio.NewWriterSize(w, 1<<16)
	_, _ = out.Write(before) // Flush reports an error
	encoder := base64.NewEncoder(base64.StdEncoding, out)
	if _, err := io.Copy(encoder, sound); err != nil {
		return fmt.Errorf("write %s: %w", PageName, err)
	}
	if err := encoder.Close(); err != nil {
		return fmt.Errorf("write %s: %w", PageName, err)
	}
	_, _ = out.Write(after)
	return out.Flush()
}

// hash is how a content security policy names a text that may run.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
