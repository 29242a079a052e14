package card

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"tacet/config"
)

// rooms are configs that change the words of a card.
func rooms() map[string]*config.Config {
	hour := config.Consent{Notice: "2026-03", Purpose: "Your own record of this visit", Max: time.Hour,
		Quiet: 5 * time.Minute}
	button := func(party, style string) config.Button { return config.Button{Party: party, Style: style} }
	all := []config.Store{{Kind: config.Drive}, {Kind: config.Folder}, {Kind: config.SFTP}, {Kind: config.S3}}
	door := &config.Line{}
	return map[string]*config.Config{
		"one button": {Room: config.Room{Name: "Room 3"}, Consent: hour,
			Buttons: []config.Button{button("room", config.Momentary)}},
		"two": {Room: config.Room{Name: "Room 3"}, Consent: hour,
			Buttons: []config.Button{button("patient", config.Momentary), button("clinician", config.Momentary)},
			Stores:  all[:1], Door: door},
		"four, all that can be said": {Room: config.Room{Name: "The large consulting room on the second floor"},
			Consent: config.Consent{Notice: "2026-03", Max: 12 * time.Hour,
				Purpose: "Your own record of this visit, to hear it again at home", Quiet: 90 * time.Minute},
			Buttons: []config.Button{button("patient", config.Latching), button("clinician", config.Momentary),
				button("companion", config.Momentary), button("interpreter", config.Momentary)},
			Stores: all, Door: door, Buzzer: &config.Buzzer{},
			Card: &config.Card{Ask: "the front desk, or call 030 1234567", Kept: "10 years"}},
	}
}

// The card says everything that it must, in each language and for each room.
func TestCardSaysAll(t *testing.T) {
	for _, lang := range Languages() {
		w, err := ReadWords(lang)
		if err != nil {
			t.Fatal(err)
		}
		for name, cfg := range rooms() {
			c := New(cfg, w)
			page, err := c.Page(false)
			if err != nil {
				t.Fatal(err)
			}
			text := string(page)
			want := []string{w.Title, w.Choice, w.Yes, w.NoText, w.Stop, w.On, w.Off, w.Steady, w.Flash, w.Sealed,
				cfg.Consent.Purpose, cfg.Consent.Notice,
				cfg.Room.Name, `lang="` + lang + `"`}
			if cfg.Card != nil {
				want = append(want, cfg.Card.Ask, cfg.Card.Kept, w.Latch, w.EndDoor, w.Tone)
			} else {
				want = append(want, w.Nobody)
			}
			if len(cfg.Buttons) > 1 {
				want = append(want, w.PulseText, w.StopMany, w.people(cfg.Parties()))
			} else {
				want = append(want, w.StopOne, w.YesOne, w.Places["unit"])
			}
			for _, part := range want {
				if !strings.Contains(text, part) {
					t.Errorf("%s, %s: it doesn't say %q", lang, name, part)
				}
			}
			if len(cfg.Buttons) == 1 && strings.Contains(text, w.PulseText) {
				t.Errorf("%s, %s: with one button nobody is waited for", lang, name)
			}
			if cfg.Buzzer == nil && strings.Contains(text, w.Tone) {
				t.Errorf("%s, %s: it speaks of tones without a buzzer", lang, name)
			}
			if variable.MatchString(strings.Join(append(c.Words(), c.Foot), " ")) {
				t.Errorf("%s, %s: a variable is left: %q", lang, name, c.Words())
			}
		}
	}
}

// Markup in a config is plain text on the card.
func TestCardIsEscaped(t *testing.T) {
	w, err := ReadWords("en")
	if err != nil {
		t.Fatal(err)
	}
	cfg := rooms()["one button"]
	cfg.Consent.Purpose = `</p><script>alert("x")</script>`
	page, err := New(cfg, w).Page(true)
	if err != nil || strings.Contains(string(page), "<script") {
		t.Errorf("%v: %s", err, page)
	}
}

// worst is the most school years that a card's words may take to read.
const worst = 7.0

// A person with seven years of school can read the card. Flesch-Kincaid measures the English, the
// first Wiener Sachtextformel the German; both give school years. Headings don't count, since they
// are not sentences.
func TestCardIsEasyToRead(t *testing.T) {
	formulas := map[string]func([]string) float64{"Flesch-Kincaid": fleschKincaid, "Wiener Sachtextformel": wiener}
	for _, lang := range Languages() {
		w, err := ReadWords(lang)
		if err != nil {
			t.Fatal(err)
		}
		formula := formulas[w.Grade]
		if formula == nil {
			t.Errorf("%s: nothing measures it by %q", lang, w.Grade)
			continue
		}
		for name, cfg := range rooms() {
			c := New(cfg, w)
			text := []string{c.Choice, c.Why}
			for _, i := range c.How {
				text = append(text, i.How)
			}
			for _, s := range c.Signs {
				text = append(text, s.Means)
			}
			sentences := split(strings.Join(append(text, c.Notes...), " "))
			if len(sentences) < 12 {
				t.Fatalf("only %d sentences: %q", len(sentences), sentences)
			}
			grade := formula(sentences)
			t.Logf("%s, %s: %.1f by %s", lang, name, grade, w.Grade)
			if grade > worst {
				t.Errorf("%s, %s: grade %.1f, more than %.0f", lang, name, grade, worst)
			}
		}
	}
}

// The formulas tell easy texts from hard ones.
func TestGrades(t *testing.T) {
	easy, hard := split("The cat sat on the mat. It was fat."),
		split("Notwithstanding considerable organizational difficulties, the administration anticipates satisfactory implementation.")
	if e, h := fleschKincaid(easy), fleschKincaid(hard); e > 1 || h < 15 {
		t.Errorf("Flesch-Kincaid gives %.1f and %.1f", e, h)
	}
	leicht, schwer := split("Der Hund ist da. Er bellt laut."),
		split("Die datenschutzrechtlichen Voraussetzungen der Verarbeitung personenbezogener Gesundheitsinformationen unterliegen unterschiedlichen Zuständigkeiten.")
	if e, h := wiener(leicht), wiener(schwer); e > 3 || h < 13 {
		t.Errorf("the Wiener Sachtextformel gives %.1f and %.1f", e, h)
	}
	for word, want := range map[string]int{"recording": 3, "once": 1, "stopped": 1, "consultation": 4, "button": 2,
		"minutes": 2, "the": 1, "table": 2, "agree": 2, "quiet": 2} {
		if got := syllables(word, true); got != want {
			t.Errorf("%s has %d syllables, want %d", word, got, want)
		}
	}
	for word, want := range map[string]int{"Behandlung": 3, "Knopf": 1, "Aufnahme": 3, "Gerät": 2, "Schlüssel": 2,
		"erfährt": 2} {
		if got := syllables(word, false); got != want {
			t.Errorf("%s hat %d Silben, nicht %d", word, want, got)
		}
	}
}

func split(text string) (sentences []string) {
	for _, s := range regexp.MustCompile(`[.!?:]+(\s|$)`).Split(text, -1) {
		if strings.TrimSpace(s) != "" {
			sentences = append(sentences, s)
		}
	}
	return sentences
}

func words(sentences []string) []string {
	return strings.FieldsFunc(strings.Join(sentences, " "),
		func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && !unicode.IsDigit(r) })
}

func fleschKincaid(sentences []string) float64 {
	all := words(sentences)
	n := 0
	for _, w := range all {
		n += syllables(w, true)
	}
	return 0.39*float64(len(all))/float64(len(sentences)) + 11.8*float64(n)/float64(len(all)) - 15.59
}

// wiener is the first Wiener Sachtextformel (Bamberger and Vanecek, 1984).
func wiener(sentences []string) float64 {
	all := words(sentences)
	var three, long, one float64
	for _, w := range all {
		switch n := syllables(w, false); {
		case n >= 3:
			three++
		case n == 1:
			one++
		}
		if utf8.RuneCountInString(w) > 6 {
			long++
		}
	}
	n := float64(len(all)) / 100
	return 0.1935*three/n + 0.1672*float64(len(all))/float64(len(sentences)) + 0.1297*long/n - 0.0327*one/n - 0.875
}

var (
	vowels = map[bool]*regexp.Regexp{true: regexp.MustCompile(`[aeiouy]+`),
		false: regexp.MustCompile(`aa|ee|ie|oo|ei|ai|au|eu|äu|[aeiouäöüy]`)}
	// The silent e at the end, and the ed and es of most words.
	silent = regexp.MustCompile(`([^aeiouyl]e|[^aeiouytd]ed|[^aeiouyscxzgh]es)$`)
	// Vowels that are pronounced separately.
	apart = regexp.MustCompile(`i[aou](?:[^u]|$)|uie|eo`)
	tion  = regexp.MustCompile(`[tsc]i[ao]`)
)

// syllables estimates the number of syllables from a word's spelling.
func syllables(word string, english bool) int {
	word = strings.ToLower(word)
	if strings.ContainsFunc(word, unicode.IsDigit) {
		return len(word) // as it is spoken, about
	}
	n := len(vowels[english].FindAllString(word, -1))
	if english {
		n += len(apart.FindAllString(word, -1)) - len(tion.FindAllString(word, -1))
		if n > 1 && silent.MatchString(word) {
			n--
		}
	}
	return max(n, 1)
}

// Every language has all the words that English has, and a file of words is checked.
func TestWordsOfOnesOwn(t *testing.T) {
	if got := Languages(); !slices.Equal(got, []string{"de", "en"}) {
		t.Errorf("the languages are %v", got)
	}
	english, err := Text("en")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"whole":          {string(english), ""},
		"from Windows":   {"\ufeff" + strings.ReplaceAll(string(english), "\n", "\r\n"), ""},
		"no tone":        {strings.Replace(string(english), "tone     = ", "#", 1), ""},
		"a word missing": {strings.Replace(string(english), "no_text    = ", "#", 1), "no_text is missing"},
		"a key too many": {strings.Replace(string(english), "no_text    = ", "no_txt = ", 1), "unknown key"},
		"a wrong variable": {strings.Replace(string(english), "quiet for {quiet}", "quiet for {queit}", 1),
			"end_quiet: {queit} has no value there"},
		"no TOML":         {"title = This", "line 1, column"},
		"a place missing": {strings.Replace(string(english), "s3     = ", "#", 1), "places.s3 is missing"},
	} {
		file := filepath.Join(t.TempDir(), "mine.toml")
		if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadWords(file); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := ReadWords("fr"); err == nil || !strings.Contains(err.Error(), "de, en") {
		t.Errorf("a language that is not there: %v", err)
	}
}
