package provision

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"tacet/config"
	"tacet/config/textfile"
)

// Template is a unit's config in which {column} stands for the room's cell in that column of the
// list. {room} and {name} always work; {site} needs its column.
type Template struct {
	file string // its path, as the caller gave it
	text string
}

// ReadTemplate reads a template. [NewPlan] checks it.
func ReadTemplate(name string) (Template, error) {
	data, err := textfile.Read(name, config.MaxFile)
	if err != nil {
		return Template{}, fmt.Errorf("read the template: %w", err)
	}
	return Template{name, string(data)}, nil
}

// dir returns the folder of the template, which also holds the files that it names.
func (t Template) dir() string { return filepath.Dir(t.file) }

var placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)

// fill returns the text of a room's config. Since no value contains a line break, line numbers stay
// those of the template.
func (t Template) fill(r Room) (text string, missing config.Errors) {
	var out strings.Builder
	number := 0
	for line := range strings.Lines(t.text) {
		number++
		code, comment := splitComment(line)
		out.WriteString(placeholder.ReplaceAllStringFunc(code, func(found string) string {
			value, ok := r.Values[found[1:len(found)-1]]
			if !ok {
				missing = append(missing, config.Problem{File: t.file, Line: number,
					What:    found + " is not a column of the list of rooms",
					Instead: "add the column, or use one of {" + strings.Join(r.columns(), "}, {") + "}"})
			}
			return escape(value)
		}))
		out.WriteString(comment)
	}
	return out.String(), missing
}

// splitComment splits a line of TOML in front of its comment.
func splitComment(line string) (code, comment string) {
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote == '"' && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'':
			quote = c
		case c == '#':
			return line[:i], line[i:]
		}
	}
	return line, ""
}

// escape escapes a value for a quoted TOML string.
func escape(value string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) }

// uses reports whether the template contains {column} outside of comments.
func (t Template) uses(column string) bool {
	for line := range strings.Lines(t.text) {
		code, _ := splitComment(line)
		if strings.Contains(code, "{"+column+"}") {
			return true
		}
	}
	return false
}

// filled is the config of one room, with the files in /etc/tacet that it names.
type filled struct {
	room    Room
	text    string
	cfg     *config.Config
	secret  map[string]bool // the files, by name in /etc/tacet; true if the file is secret
	signed  map[string]bool // those that the office vouches for: lists of recipients, and its key
	refused config.Errors
}

// etc is the unit's folder for its config and the files that the config names.
const etc = "/etc/tacet"

// fillIn fills in the template for a room, and checks the result as tacet check does.
func (t Template) fillIn(r Room) filled {
	text, missing := t.fill(r)
	f := filled{room: r, text: text, refused: missing}
	if len(missing) > 0 {
		return f
	}
	cfg, _, err := config.Parse(t.file, []byte(text))
	if err != nil {
		f.refused, _ = err.(config.Errors)
		return f
	}
	f.cfg = cfg
	f.refused = t.fits(r, cfg)
	if len(f.refused) == 0 {
		f.refused = f.names(t)
	}
	return f
}

// fits checks that the config has the room's id and site.
func (t Template) fits(r Room, cfg *config.Config) (wrong config.Errors) {
	say := func(key, is, want, column string) {
		wrong = append(wrong, config.Problem{File: t.file, Line: t.lineOf(key), Key: "room." + key,
			What:    fmt.Sprintf("is %q, but the list of rooms says %q", is, want),
			Instead: "write " + key + ` = "{` + column + `}"`})
	}
	if cfg.Room.ID != r.ID {
		say("id", cfg.Room.ID, r.ID, colRoom)
	}
	if r.Site != "" && cfg.Room.Site != r.Site {
		say("site", cfg.Room.Site, r.Site, colSite)
	}
	return wrong
}

// lineOf returns the number of the first line that sets a key, or 0.
func (t Template) lineOf(key string) int {
	number := 0
	for line := range strings.Lines(t.text) {
		number++
		if name, _, ok := strings.Cut(line, "="); ok && strings.TrimSpace(name) == key {
			return number
		}
	}
	return 0
}

// names records the files in /etc/tacet that the config names.
func (f *filled) names(t Template) (wrong config.Errors) {
	var raw struct {
		Encrypt struct{ Recipients any }
		Office  struct{ Key string }
	}
	if err := toml.Unmarshal([]byte(f.text), &raw); err != nil {
		return config.Errors{{File: t.file, What: "can't be parsed as TOML: " + err.Error(),
			Instead: "write recipients as a list of strings, and key as a string"}}
	}
	f.secret, f.signed = map[string]bool{}, map[string]bool{}
	recipients, _ := raw.Encrypt.Recipients.([]any)
	for _, item := range recipients {
		if name, ok := item.(string); ok && !strings.HasPrefix(strings.ToLower(name), "age1") {
			f.addName(name, false)
		}
	}
	f.addName(raw.Office.Key, false)
	for name := range f.secret {
		f.signed[name] = true
	}
	for _, file := range f.cfg.NamedFiles() {
		f.addName(file.Name, file.Secret)
	}
	for name := range f.secret {
		if strings.Contains(name, "/") || name == configFile {
			wrong = append(wrong, config.Problem{File: t.file, What: fmt.Sprintf("%s/%s can't be provisioned", etc, name),
				Instead: "name a file directly in " + etc})
		}
	}
	return slices.Clip(wrong)
}

// addName records a file that the config names, if it is in etc.
func (f *filled) addName(name string, secret bool) {
	relative := !path.IsAbs(name) && name != ""
	if relative {
		name = path.Join(etc, filepath.ToSlash(name))
	}
	if rest, ok := strings.CutPrefix(path.Clean(name), etc+"/"); ok {
		f.secret[rest] = f.secret[rest] || secret
	} else if relative {
		f.secret[path.Clean(name)] = secret // outside of etc: an error in names
	}
}

const configFile = "tacet.toml"
