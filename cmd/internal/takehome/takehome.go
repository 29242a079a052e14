// Package takehome writes what an office adds to the copy that a patient takes home: a page that
// plays the sound offline, a READ ME, and the sound as WAV for what plays nothing else.
//
//	err := about.Page(w, m4a)     // listen.html, with the sound in it
//	text, err := about.ReadMe()
//	err := takehome.WAV(w, c)     // c is a *visit.Copy in Opus
package takehome

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
	"text/template"
	"time"

	"tacet/daemon/recording/visit"
)

// Names of the files.
const (
	PageName     = "listen.html"
	ReadMeName   = "READ ME.txt"
	WAVName      = "visit.wav"
	ManifestName = "manifest.note"
)

// About is what page and READ ME say of a copy.
type About struct {
	Site, Room string
	Started    time.Time
	Part       string // which part of the recording it is, such as "from 3:10 to 4:20 of 45:12"
	Length     string // of the copy, as players show it
	Withheld   int64  // seconds
	Purpose    string
	Unit       string // the unit's verifier key
	ID         string
	Codec      string
	WithWAV    bool
	Office     string // tacet-office/NAME
}

// Day is the day and the time of the recording, where the office is.
func (a *About) Day() string { return a.Started.Local().Format("2 January 2006, 15:04") }

// Sounds are the files that play, each with what it is for.
func (a *About) Sounds() []Sound {
	var list []Sound
	for _, name := range visit.Sounds(a.Codec) {
		list = append(list, Sound{name, plays[name]})
	}
	if a.WithWAV {
		list = append(list, Sound{WAVName, plays[WAVName]})
	}
	return list
}

// A Sound is a file that plays.
type Sound struct{ Name, For string }

var plays = map[string]string{
	visit.M4A:  "for iPhones with iOS 17 or later, Android, Windows and Mac",
	visit.CAF:  "for iPhones with iOS 11 to 16, and Macs",
	visit.FLAC: "for iPhones, Android, Windows and Mac",
	visit.WAV:  "for anything that plays sound",
}

//go:embed readme.txt
var readMeText string

var readMe = template.Must(template.New("").Parse(readMeText))

// ReadMe returns READ ME.txt, with the line ends of Windows, which all programs understand.
func (a *About) ReadMe() ([]byte, error) {
	var b bytes.Buffer
	if err := readMe.Execute(&b, a); err != nil {
		return nil, fmt.Errorf("write %s: %w", ReadMeName, err)
	}
	return []byte(strings.ReplaceAll(b.String(), "\n", "\r\n")), nil
}
