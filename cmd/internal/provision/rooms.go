package provision

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"tacet/config"
	"tacet/config/textfile"
)

const (
	maxList  = 1 << 20 // bytes of a list of rooms
	maxRooms = 1000    // nobody provisions more at once
	maxCell  = 500     // characters
)

// Room is a line of the list.
type Room struct {
	Line   int
	Site   string            // "": the template says it
	ID     string            // [a-z0-9-]{1,32}
	Name   string            // for people
	Drives []string          // the UUIDs of its thumb drives' file systems, as blkid shows them
	Values map[string]string // by column; all of them, those above too
}

// The columns that mean something by themselves. Any other is for the template.
const (
	colSite, colRoom, colName, colDrives = "site", "room", "name", "drives"
)

var (
	roomForm   = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	columnForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	uuidForm   = regexp.MustCompile(`^[0-9A-Fa-f-]{4,36}$`)
)

const roomRule = `1 to 32 of the letters a-z, the digits and "-"`

// ReadRooms reads a list of rooms as a spreadsheet saves it: with commas, semicolons or tabs, in
// UTF-8, UTF-16 or Windows' own letters. Warnings leave it usable. An error is a [config.Errors],
// with each mistake, its line and its column.
func ReadRooms(name string) (rooms []Room, warnings []config.Problem, err error) {
	data, err := textfile.Read(name, maxList)
	if err != nil {
		return nil, nil, fmt.Errorf("read the list of rooms: %w", err)
	}
	l := &list{file: filepath.ToSlash(name)}
	if !utf8.Valid(data) { // Excel's plain CSV
		if data, err = charmap.Windows1252.NewDecoder().Bytes(data); err != nil {
			return nil, nil, fmt.Errorf("read the list of rooms: %s is in no encoding that is known: %w", name, err)
		}
		l.warn(0, 0, "", "is not in UTF-8, and was read as Windows' western letters",
			`look at the names; or save it as "CSV UTF-8"`)
	}
	l.read(string(data))
	if len(l.errors) > 0 {
		return nil, l.warnings, l.errors
	}
	return l.rooms, l.warnings, nil
}

// list is one reading.
type list struct {
	file     string
	columns  []string // their names, in order; "" for one without
	rooms    []Room
	errors   config.Errors
	warnings []config.Problem
}

const maxSaid = 100

func (l *list) fail(line, column int, key, what, instead string) {
	if len(l.errors) < maxSaid {
		l.errors = append(l.errors, l.problem(line, column, key, what, instead))
	}
}

func (l *list) warn(line, column int, key, what, instead string) {
	if len(l.warnings) < maxSaid {
		l.warnings = append(l.warnings, l.problem(line, column, key, what, instead))
	}
}

// problem is at a line and a column, which count from 1, as editors and spreadsheets do.
func (l *list) problem(line, column int, key, what, instead string) config.Problem {
	if column > 0 {
		key = strings.TrimSpace(fmt.Sprintf("column %d %s", column, key))
	}
	return config.Problem{File: l.file, Line: line, Key: key, What: what, Instead: instead}
}

// separator is the sign between the cells: what "sep=" names, or what parts the first line most.
func separator(text string) (sep rune, rest string, skipped int) {
	first, after, _ := strings.Cut(text, "\n")
	first = strings.TrimSpace(first)
	if named, ok := strings.CutPrefix(strings.Trim(first, `"`), "sep="); ok && utf8.RuneCountInString(named) <= 1 {
		if r, _ := utf8.DecodeRuneInString(named); strings.ContainsRune(",;\t", r) {
			return r, after, 1
		}
		return '\t', after, 1 // trimmed away
	}
	sep = ','
	for _, r := range ";\t" {
		if strings.Count(first, string(r)) > strings.Count(first, string(sep)) {
			sep = r
		}
	}
	return sep, text, 0
}

func (l *list) read(text string) {
	sep, text, skipped := separator(text)
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = sep, -1, false
	for {
		cells, err := r.Read()
		var bad *csv.ParseError
		switch {
		case errors.Is(err, io.EOF):
			if l.columns == nil {
				l.fail(1, 0, "", "is empty", "write a first line with site,room,name, and a line for each room")
			} else if len(l.rooms) == 0 && len(l.errors) == 0 {
				l.fail(1, 0, "", "names no room", "write a line for each room below the first")
			}
			return
		case errors.As(err, &bad):
			l.fail(bad.Line+skipped, 0, fmt.Sprintf("character %d", bad.Column),
				"a quotation mark stands where none can: "+bad.Err.Error(),
				`write " twice inside a cell, and put the cell between "`)
			return // what follows can't be told apart
		case err != nil:
			l.fail(0, 0, "", err.Error(), "save it again as CSV")
			return
		}
		line, _ := r.FieldPos(0)
		if l.row(cells, line+skipped); len(l.rooms) > maxRooms {
			l.fail(line+skipped, 0, "", fmt.Sprintf("there are more than %d rooms", maxRooms), "write a list for each site")
			return
		}
	}
}

// row takes a line: the first names the columns.
func (l *list) row(cells []string, line int) {
	empty := true
	for i, cell := range cells {
		cells[i] = strings.TrimFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' })
		empty = empty && cells[i] == ""
	}
	switch {
	case empty: // as a spreadsheet leaves them at the end
	case l.columns == nil:
		l.header(cells, line)
	case slices.Contains(l.columns, colRoom):
		l.room(cells, line)
	}
}

func (l *list) header(cells []string, line int) {
	for i, cell := range cells {
		name := strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(cell), " ", "_"), "-", "_")
		switch {
		case name == "":
		case !columnForm.MatchString(name):
			l.fail(line, i+1, "", fmt.Sprintf("%q can't name a column", short(cell)), "write small letters a-z, digits and _")
			name = ""
		case slices.Contains(l.columns, name):
			l.fail(line, i+1, name, fmt.Sprintf("is a column already, the %d.", slices.Index(l.columns, name)+1),
				"remove one of the two, or give it another name")
		}
		l.columns = append(l.columns, name)
	}
	if !slices.Contains(l.columns, colRoom) {
		found := strings.Join(slices.DeleteFunc(slices.Clone(l.columns), func(s string) bool { return s == "" }), ", ")
		l.fail(line, 0, "", "there is no column called room; those there are called "+short(found),
			"name the columns in the first line: site, room and name, and what else the template asks for")
	}
}

// room takes a line with a room.
func (l *list) room(cells []string, line int) {
	r := Room{Line: line, Values: map[string]string{}}
	for i, cell := range cells {
		switch {
		case i >= len(l.columns) || l.columns[i] == "":
			if cell != "" {
				l.fail(line, i+1, "", fmt.Sprintf("%q stands in a column without a name", short(cell)),
					"name the column in the first line; or put a cell with the separator in it between quotation marks")
			}
			continue
		case utf8.RuneCountInString(cell) > maxCell:
			l.fail(line, i+1, l.columns[i], fmt.Sprintf("is longer than %d characters", maxCell), "write less")
		case strings.ContainsFunc(cell, func(r rune) bool { return !unicode.IsPrint(r) && r != '\u00a0' }):
			l.fail(line, i+1, l.columns[i], "holds a line's end or another character that is not printed",
				"write plain text in one line")
		}
		r.Values[l.columns[i]] = cell
	}
	for _, name := range l.columns {
		if _, ok := r.Values[name]; !ok && name != "" {
			r.Values[name] = "" // a spreadsheet leaves out what is empty at the end of a line
		}
	}
	r.Site, r.ID, r.Name = r.Values[colSite], r.Values[colRoom], r.Values[colName]
	if r.Name == "" {
		r.Name = r.ID
		r.Values[colName] = r.ID
	}
	l.names(&r)
	l.drives(&r)
	for _, other := range l.rooms {
		if other.ID == r.ID && other.Site == r.Site {
			l.fail(line, l.column(colRoom), colRoom, fmt.Sprintf("%s is a room already, on line %d", r.where(), other.Line),
				"give each room its own name, or remove the line")
		}
	}
	l.rooms = append(l.rooms, r)
}

func (l *list) names(r *Room) {
	for _, name := range []string{colSite, colRoom} {
		if !slices.Contains(l.columns, name) || roomForm.MatchString(r.Values[name]) {
			continue
		}
		instead := "write " + roomRule
		if meant := plainly(r.Values[name]); meant != "" {
			instead += fmt.Sprintf(", as in %q; how people call it stands in the column name", meant)
		}
		if r.Values[name] == "" {
			l.fail(r.Line, l.column(name), name, "is empty", instead)
		} else {
			l.fail(r.Line, l.column(name), name, fmt.Sprintf("%q is no %s's name", short(r.Values[name]), name), instead)
		}
	}
}

func (l *list) drives(r *Room) {
	for _, uuid := range strings.Fields(r.Values[colDrives]) {
		if !uuidForm.MatchString(uuid) {
			l.fail(r.Line, l.column(colDrives), colDrives, fmt.Sprintf("%q is no file system's UUID", short(uuid)),
				"write what \"blkid\" shows of the thumb drive, as in 1234-ABCD; several with spaces between them")
			continue
		}
		r.Drives = append(r.Drives, uuid)
	}
}

// column is the number of a column, from 1; 0 if there is none.
func (l *list) column(name string) int { return slices.Index(l.columns, name) + 1 }

// where is the room as people name it at the desk.
func (r Room) where() string {
	if r.Site == "" {
		return r.ID
	}
	return r.Site + "/" + r.ID
}

// columns are those that the list has.
func (r Room) columns() []string { return slices.Sorted(maps.Keys(r.Values)) }

var notPlain = regexp.MustCompile(`[^a-z0-9]+`)

// plainly is a room's name made of what somebody wrote; "" if nothing is left of it.
func plainly(text string) string {
	text = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "é", "e", "è",
		"e").Replace(strings.ToLower(text))
	text = strings.Trim(notPlain.ReplaceAllString(text, "-"), "-")
	return strings.Trim(text[:min(len(text), 32)], "-")
}

// short is text of a list, for a message.
func short(text string) string {
	if r := []rune(text); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return text
}
