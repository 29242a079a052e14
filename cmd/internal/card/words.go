package card

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"tacet/config/textfile"
)

//go:embed words
var shipped embed.FS

// Words are a language's, as its file has them; words/en.toml says what each is for.
type Words struct {
	Lang  string `toml:"lang"`
	Grade string `toml:"grade"` // may be "": of a translation that nobody measures

	Title  string `toml:"title"`
	Choice string `toml:"choice"`
	Why    string `toml:"why"`

	Yes      string `toml:"yes"`
	YesOne   string `toml:"yes_one"`
	YesMany  string `toml:"yes_many"`
	No       string `toml:"no"`
	NoText   string `toml:"no_text"`
	Stop     string `toml:"stop"`
	StopOne  string `toml:"stop_one"`
	StopMany string `toml:"stop_many"`
	On       string `toml:"on"`
	OnOne    string `toml:"on_one"`
	OnMany   string `toml:"on_many"`
	Latch    string `toml:"latch"`

	Light      string `toml:"light"`
	Off        string `toml:"off"`
	OffText    string `toml:"off_text"`
	Steady     string `toml:"steady"`
	SteadyText string `toml:"steady_text"`
	Pulse      string `toml:"pulse"`
	PulseText  string `toml:"pulse_text"`
	Flash      string `toml:"flash"`
	FlashText  string `toml:"flash_text"`

	End      string `toml:"end"`
	EndQuiet string `toml:"end_quiet"`
	EndDoor  string `toml:"end_door"`
	Where    string `toml:"where"`
	Kept     string `toml:"kept"`
	Sealed   string `toml:"sealed"`
	Ask      string `toml:"ask"`
	Nobody   string `toml:"nobody"`
	Notice   string `toml:"notice"`

	And    string            `toml:"and"`
	People map[string]string `toml:"people"`
	Places map[string]string `toml:"places"`
	Spans  map[string]string `toml:"spans"`
}

const maxWords = 64 << 10 // bytes of a file

// Languages are those that are shipped.
func Languages() []string {
	entries, err := shipped.ReadDir("words")
	if err != nil {
		panic("card: " + err.Error()) // they are in the program
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	return names
}

// Text is the file of a language that is shipped, to translate from.
func Text(lang string) ([]byte, error) {
	if !slices.Contains(Languages(), lang) {
		return nil, fmt.Errorf("there are no words in %q, but in %s; or name a file of them, which ends in .toml", lang,
			strings.Join(Languages(), ", "))
	}
	return shipped.ReadFile(path.Join("words", lang+".toml"))
}

// ReadWords returns the words of a language that is shipped, or of a file whose name ends in .toml.
func ReadWords(lang string) (Words, error) {
	var data []byte
	var err error
	if strings.HasSuffix(lang, ".toml") {
		data, err = textfile.Read(lang, maxWords)
	} else {
		data, err = Text(lang)
	}
	if err != nil {
		return Words{}, fmt.Errorf("read the card's words: %w", err)
	}
	w, err := parseWords(data)
	if err != nil {
		return Words{}, fmt.Errorf("read the card's words: %s: %w", lang, err)
	}
	return w, nil
}

func parseWords(data []byte) (w Words, err error) {
	err = toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&w)
	var strict *toml.StrictMissingError
	var bad *toml.DecodeError
	switch {
	case errors.As(err, &strict) && len(strict.Errors) > 0:
		line, _ := strict.Errors[0].Position()
		return w, fmt.Errorf("line %d: there is no such key: write those of the English file, which tacet card -words prints",
			line)
	case errors.As(err, &bad):
		line, column := bad.Position()
		return w, fmt.Errorf("line %d, column %d: %s", line, column, bad.Error())
	case err != nil:
		return w, err
	}
	return w, w.check()
}

var variable = regexp.MustCompile(`\{[^}]*\}`)

// mayHold are the variables, and in which words each may stand.
var mayHold = map[string][]string{
	"why": {"{purpose}"}, "yes_many": {"{people}"}, "end": {"{max}"}, "end_quiet": {"{quiet}"}, "where": {"{places}"},
	"kept": {"{kept}"}, "ask": {"{ask}"}, "notice": {"{notice}"},
}

// check wants each word to be there, and no variable where nothing stands for it.
func (w *Words) check() error {
	v := reflect.ValueOf(*w)
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("toml")
		if v.Field(i).Kind() != reflect.String {
			continue
		}
		text := v.Field(i).String()
		if strings.TrimSpace(text) == "" && key != "grade" {
			return fmt.Errorf("%s is missing", key)
		}
		for _, name := range variable.FindAllString(text, -1) {
			if !slices.Contains(mayHold[key], name) {
				return fmt.Errorf("%s: nothing stands for %s there", key, name)
			}
		}
	}
	for _, key := range []string{"unit", "drive", "folder", "sftp", "s3"} {
		if w.Places[key] == "" {
			return fmt.Errorf("places.%s is missing", key)
		}
	}
	for _, key := range []string{"minute", "minutes", "second", "seconds", "hour", "hours"} {
		if w.Spans[key] == "" {
			return fmt.Errorf("spans.%s is missing", key)
		}
	}
	return nil
}
