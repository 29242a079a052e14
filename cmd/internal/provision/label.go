package provision

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/url"
	"strings"

	"rsc.io/qr"

	"tacet/config"
)

// labelled is what a unit's label says.
type labelled struct {
	Site, Room, Name string
	Help             string // the address, for people
	Code             string // what the QR code holds
	Path             template.HTMLAttr
	Side             int // of the code, in modules, with its margin
}

// labelOf is the label of a unit. The code leads to the help's address, with site and room in its
// fragment; where there is none, it holds site and room alone.
func labelOf(cfg *config.Config) labelled {
	l := labelled{Site: cfg.Room.Site, Room: cfg.Room.ID, Name: cfg.Room.Name,
		Code: "tacet:" + cfg.Room.Site + "/" + cfg.Room.ID}
	if cfg.Card != nil && cfg.Card.Help != "" {
		l.Help = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(cfg.Card.Help, "https://"), "http://"), "/")
		if u, err := url.Parse(cfg.Card.Help); err == nil {
			u.Fragment = cfg.Room.Site + "/" + cfg.Room.ID
			l.Code = u.String()
		}
	}
	return l
}

// quiet is the empty margin of a QR code, in modules.
const quiet = 4

// draw makes the code's picture, as the path of an SVG.
func (l *labelled) draw() error {
	code, err := qr.Encode(l.Code, qr.M)
	if err != nil {
		return fmt.Errorf("the label's QR code: %w", err)
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			from := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > from {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", from+quiet, y+quiet, x-from, x-from)
			}
		}
	}
	l.Path, l.Side = template.HTMLAttr(`d="`+path.String()+`"`), code.Size+2*quiet //nolint:gosec // digits and four letters
	return nil
}

//go:embed label.html
var labelText string

var labelTemplate = template.Must(template.New("label").Parse(labelText))

// labelPage is a page with labels of 70 mm by 37 mm: one alone, or sheets of 24 on A4.
func labelPage(labels []labelled, sheet bool) ([]byte, error) {
	for i := range labels {
		if err := labels[i].draw(); err != nil {
			return nil, err
		}
	}
	var page bytes.Buffer
	err := labelTemplate.Execute(&page, struct {
		Sheet  bool
		Labels []labelled
	}{sheet, labels})
	return page.Bytes(), err
}
