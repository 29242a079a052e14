// Package card prints the notice that hangs beside a unit. It says what each light means, how to
// agree, stop and go on, that nobody has to agree, what recordings are for, where copies go, how
// long they are kept, and whom to ask.
//
//	words, err := card.ReadWords("en")
//	c := card.New(cfg, words)
//	page, err := c.Page(false)  // HTML that prints on one sheet of A5
//	section, err := c.Section() // the card as part of another page
//
// The words are in words/en.toml and so on, one file for each language. Whatever differs from room
// to room comes from the config.
package card

import (
	"bytes"
	_ "embed"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tacet/config"
)

// Card is the content of one room's card.
type Card struct {
	Lang, Title, Choice, Why string
	How                      []Item   // what people can do
	Light                    string   // heading of the signs
	Signs                    []Sign   // what the light shows
	Notes                    []string // everything else, a sentence or two each
	Foot                     string   // the room, and the notice's version
}

// Item is something that people can do, and how.
type Item struct{ What, How string }

// Sign is one pattern of the light: its name in the style sheet, its name for people, its meaning.
type Sign struct{ Glow, What, Means string }

// New returns the card of a room.
func New(cfg *config.Config, w Words) Card {
	one := len(cfg.Buttons) == 1
	pick := func(single, many string) string {
		if one {
			return single
		}
		return many
	}
	c := Card{Lang: w.Lang, Title: w.Title, Choice: w.Choice, Light: w.Light}
	if p := strings.TrimRight(cfg.Consent.Purpose, ". "); p != "" {
		c.Why = strings.ReplaceAll(w.Why, "{purpose}", p)
	}
	yes := pick(w.YesOne, strings.ReplaceAll(w.YesMany, "{people}", w.people(cfg.Parties())))
	goOn := pick(w.OnOne, w.OnMany)
	if slices.ContainsFunc(cfg.Buttons, config.Button.Latching) {
		goOn += " " + w.Latch
	}
	c.How = []Item{{w.Yes, yes}, {w.No, w.NoText}, {w.Stop, pick(w.StopOne, w.StopMany)}, {w.On, goOn}}
	c.Signs = []Sign{{"off", w.Off, w.OffText}, {"on", w.Steady, w.SteadyText}}
	if !one {
		c.Signs = append(c.Signs, Sign{"pulse", w.Pulse, w.PulseText})
	}
	c.Signs = append(c.Signs, Sign{"flash", w.Flash, w.FlashText})
	c.Notes = w.notes(cfg)
	if cfg.Buzzer != nil && w.Tone != "" {
		c.Notes = append([]string{w.Tone}, c.Notes...)
	}
	foot := []string{cfg.Room.Name}
	if n := cfg.Consent.Notice; n != "" {
		foot = append(foot, strings.ReplaceAll(w.Notice, "{notice}", n))
	}
	c.Foot = strings.Join(foot, " · ")
	return c
}

// notes returns when a recording ends by itself, where copies go, and whom to ask.
func (w Words) notes(cfg *config.Config) (notes []string) {
	end := strings.ReplaceAll(w.End, "{max}", w.span(cfg.Consent.Max))
	if q := cfg.Consent.Quiet; q > 0 && q < cfg.Consent.Max {
		end += " " + strings.ReplaceAll(w.EndQuiet, "{quiet}", w.span(q))
	}
	if cfg.Door != nil {
		end += " " + w.EndDoor
	}
	where := strings.ReplaceAll(w.Where, "{places}", w.places(cfg.Stores)) + " " + w.Sealed
	ask, kept := w.Nobody, ""
	if cfg.Card != nil {
		if kept = strings.TrimRight(cfg.Card.Kept, ". "); kept != "" {
			where += " " + strings.ReplaceAll(w.Kept, "{kept}", kept)
		}
		if cfg.Card.Ask != "" {
			ask = strings.TrimRight(cfg.Card.Ask, ". ")
		}
	}
	return []string{end, where, strings.ReplaceAll(w.Ask, "{ask}", ask)}
}

// people lists the parties, in words.
func (w Words) people(parties []string) string {
	var names []string
	for _, p := range parties {
		name := w.People[p]
		if name == "" {
			name = strings.ReplaceAll(p, "-", " ")
		}
		names = append(names, name)
	}
	return w.list(names)
}

func (w Words) list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " " + w.And + " " + names[last]
}

// places lists where copies go, naming each kind of store once.
func (w Words) places(stores []config.Store) string {
	var names []string
	for _, s := range stores {
		if name := w.Places[s.Kind]; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return w.Places["unit"]
	}
	return w.list(names)
}

// span returns a duration in words: in seconds, minutes or whole hours.
func (w Words) span(d time.Duration) string {
	n, one, many := int(d/time.Second), "second", "seconds"
	switch {
	case d >= 2*time.Hour && d%time.Hour == 0:
		n, one, many = int(d/time.Hour), "hour", "hours"
	case d >= time.Minute:
		n, one, many = int(d.Round(time.Minute)/time.Minute), "minute", "minutes"
	}
	if n == 1 {
		return w.Spans[one]
	}
	return strings.ReplaceAll(w.Spans[many], "{n}", strconv.Itoa(n))
}

//go:embed card.html
var pageText string

//go:embed card.css
var style string

var pages = template.Must(template.New("card").Parse(pageText))

// Style returns the style sheet for [Card.Section].
func Style() string { return style }

// Page returns the card as an HTML page that prints on one sheet of A5, or, in large letters, of
// A4.
func (c Card) Page(large bool) ([]byte, error) {
	var out bytes.Buffer
	err := pages.ExecuteTemplate(&out, "page", struct {
		Card
		Large  bool
		Points float64
		Style  template.CSS
	}{c, large, c.points(large), template.CSS(style)}) //nolint:gosec // our own file
	return out.Bytes(), err
}

// points returns the font size. A short text gets larger letters. A4 is 1.41 times as wide and as
// high as A5.
func (c Card) points(large bool) float64 {
	points := 10.0
	if n := utf8.RuneCountInString(strings.Join(c.Words(), " ")); n <= brief {
		points = 11.5
	}
	if large {
		points *= 1.41
	}
	return points
}

// brief is the longest text that fits in the larger font, in characters.
const brief = 1000

// Section returns the card as an HTML element for another page, which needs [Style].
func (c Card) Section() (template.HTML, error) {
	var out bytes.Buffer
	err := pages.ExecuteTemplate(&out, "section", c)
	return template.HTML(out.String()), err //nolint:gosec // html/template made it
}

// Words returns all text of the card, one sentence or line each.
func (c Card) Words() []string {
	all := []string{c.Title, c.Choice, c.Why}
	for _, i := range c.How {
		all = append(all, i.What, i.How)
	}
	all = append(all, c.Light)
	for _, s := range c.Signs {
		all = append(all, s.What, s.Means)
	}
	return append(all, c.Notes...)
}
