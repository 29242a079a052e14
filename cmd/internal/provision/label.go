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

// labelled is the content of a unit's label.
type labelled struct {
	Site, Room, Name string
	Help             string            // address of help, without its scheme
	Code             string            // content of the QR code
	Path             template.HTMLAttr // of the QR code's SVG
	Side             int               // of the QR code with its margin, in modules
}

// labelOf returns a unit's label. Its QR code links to the help address, with SITE/ROOM as the
// fragment. Without a help address it contains tacet:SITE/ROOM.
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

// quiet is the margin that a QR code needs, in modules.
const quiet = 4

// draw sets Path and Side to the QR code's image.
func (l *labelled) draw() error {
	code, err := qr.Encode(l.Code, qr.M)
	if err != nil {
		return fmt.Errorf("encode the label's QR code: %w", err)
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

// labelPage returns an HTML page of labels, each 70 mm by 37 mm: one on its own, or sheets of A4
// with 24 each.
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
