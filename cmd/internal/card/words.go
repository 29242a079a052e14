package card

import (
	"embed"
	"errors"
	"fmt"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"tacet/config"
	"tacet/config/textfile"
)

//go:embed words
var shipped embed.FS

// Words are the texts of a card in one language. words/en.toml explains each.
type Words struct {
	Lang  string `toml:"lang"`
	Grade string `toml:"grade"` // the measure of readability that a test applies; may be ""

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

	Tone     string `toml:"tone"` // may be "", as in files from before there was a buzzer
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

// Languages returns the built-in languages.
func Languages() []string {
	entries, err := shipped.ReadDir("words")
	if err != nil {
		panic("card: " + err.Error()) // the folder is embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".toml"))
	}
	return names
}

// Text returns the file of a built-in language, to translate from.
func Text(lang string) ([]byte, error) {
	if !slices.Contains(Languages(), lang) {
		return nil, fmt.Errorf("unknown language %q: use one of %s, or a file of words whose name ends in .toml", lang,
			strings.Join(Languages(), ", "))
	}
	return shipped.ReadFile(path.Join("words", lang+".toml"))
}

// ReadWords returns the words of a built-in language, or of a file whose name ends in .toml.
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
	err = textfile.TOML(data, &w)
	if errors.Is(err, textfile.ErrUnknownKey) {
		err = fmt.Errorf("%w: \"tacet card -words\" prints a file with all keys", err)
	}
	if err != nil {
		return w, err
	}
	return w, w.check()
}

var variable = regexp.MustCompile(`\{[^}]*\}`)

// mayHold lists the variables that each text may contain.
var mayHold = map[string][]string{
	"why": {"{purpose}"}, "yes_many": {"{people}"}, "end": {"{max}"}, "end_quiet": {"{quiet}"}, "where": {"{places}"},
	"kept": {"{kept}"}, "ask": {"{ask}"}, "notice": {"{notice}"},
}

// check reports missing words, and variables in texts where they have no value.
func (w *Words) check() error {
	v := reflect.ValueOf(*w)
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("toml")
		if v.Field(i).Kind() != reflect.String {
			continue
		}
		text := v.Field(i).String()
		if strings.TrimSpace(text) == "" && key != "grade" && key != "tone" {
			return fmt.Errorf("%s is missing", key)
		}
		for _, name := range variable.FindAllString(text, -1) {
			if !slices.Contains(mayHold[key], name) {
				return fmt.Errorf("%s: %s has no value there", key, name)
			}
		}
	}
	for _, key := range append(config.StoreKinds(), "unit") {
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
