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
	maxRooms = 1000    // of one list
	maxCell  = 500     // characters
)

// Room is one line of the list.
type Room struct {
	Line   int
	Site   string            // [a-z0-9-]{1,32}; "" if the list has no such column and the template sets it
	ID     string            // [a-z0-9-]{1,32}
	Name   string            // for people
	Drives []string          // file system UUIDs of its thumb drives, as blkid shows them
	Values map[string]string // every cell, by the name of its column
}

// Columns with a fixed meaning. The template may use any other column.
const (
	colSite, colRoom, colName, colDrives = "site", "room", "name", "drives"
)

var (
	roomForm   = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	columnForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	uuidForm   = regexp.MustCompile(`^[0-9A-Fa-f-]{4,36}$`)
)

const roomRule = `1 to 32 of the letters a-z, the digits and "-"`

// ReadRooms reads a list of rooms from a CSV file, as spreadsheets save it: separated by commas,
// semicolons or tabs, in UTF-8, UTF-16 or Windows-1252, with any line ends. If the list has mistakes, the error is a
// [config.Errors] with the line and column of each. A list with only warnings can be used.
func ReadRooms(name string) (rooms []Room, warnings []config.Problem, err error) {
	data, err := textfile.Read(name, maxList)
	if err != nil {
		return nil, nil, fmt.Errorf("read the list of rooms: %w", err)
	}
	l := &list{file: filepath.ToSlash(name)}
	if !utf8.Valid(data) { // Excel's plain CSV
		if data, err = charmap.Windows1252.NewDecoder().Bytes(data); err != nil {
			return nil, nil, fmt.Errorf("read the list of rooms: %s has an unknown encoding: %w", name, err)
		}
		l.warn(0, 0, "", "is not UTF-8, and was read as Windows-1252",
			`check the names, or save the list as "CSV UTF-8"`)
	}
	text := string(data)
	if !strings.Contains(text, "\n") { // "CSV (Macintosh)"
		text = strings.ReplaceAll(text, "\r", "\n")
	}
	l.read(text)
	if len(l.errors) > 0 {
		return nil, l.warnings, l.errors
	}
	return l.rooms, l.warnings, nil
}

// list is the state of the parser.
type list struct {
	file     string
	columns  []string // names in order; "" for a column without a name
	rooms    []Room
	errors   config.Errors
	warnings []config.Problem
}

const maxSaid = 100 // problems that are reported at once

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

// problem counts lines and columns from 1, as editors and spreadsheets do; 0 means unknown.
func (l *list) problem(line, column int, key, what, instead string) config.Problem {
	if column > 0 {
		key = strings.TrimSpace(fmt.Sprintf("column %d %s", column, key))
	}
	return config.Problem{File: l.file, Line: line, Key: key, What: what, Instead: instead}
}

// separator returns the character between cells: the one that Excel's line "sep=" names, or the one
// that the first line has most of. rest is the text after a "sep=" line, and skipped counts that
// line.
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
				l.fail(1, 0, "", "is empty", "start with a line site,room,name, and add a line for each room")
			} else if len(l.rooms) == 0 && len(l.errors) == 0 {
				l.fail(1, 0, "", "names no room", "add a line for each room below the first line")
			}
			return
		case errors.As(err, &bad):
			l.fail(bad.Line+skipped, 0, fmt.Sprintf("character %d", bad.Column),
				"a quotation mark is misplaced: "+bad.Err.Error(),
				`put the cell between ", and write "" for a quotation mark in it`)
			return // where the next cell starts is unknown
		case err != nil:
			l.fail(0, 0, "", err.Error(), "save it again as CSV")
			return
		}
		line, _ := r.FieldPos(0)
		if l.row(cells, line+skipped); len(l.rooms) > maxRooms {
			l.fail(line+skipped, 0, "", fmt.Sprintf("the list has more than %d rooms", maxRooms), "write a list for each site")
			return
		}
	}
}

// row parses one line. The first line that isn't empty names the columns.
func (l *list) row(cells []string, line int) {
	empty := true
	for i, cell := range cells {
		cells[i] = strings.TrimFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' })
		empty = empty && cells[i] == ""
	}
	switch {
	case empty: // spreadsheets leave empty lines at the end
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
			l.fail(line, i+1, "", fmt.Sprintf("%q can't name a column", short(cell)),
				"use lower-case letters a-z, digits and _, and start with a letter")
			name = ""
		case slices.Contains(l.columns, name):
			l.fail(line, i+1, name, fmt.Sprintf("has the name of column %d", slices.Index(l.columns, name)+1),
				"remove or rename one of the two")
		}
		l.columns = append(l.columns, name)
	}
	if !slices.Contains(l.columns, colRoom) {
		found := strings.Join(slices.DeleteFunc(slices.Clone(l.columns), func(s string) bool { return s == "" }), ", ")
		l.fail(line, 0, "", "there is no column room; the columns are "+short(found),
			"name the columns in the first line: site, room, name, and any other that the template uses")
	}
}

// room parses the line of a room.
func (l *list) room(cells []string, line int) {
	r := Room{Line: line, Values: map[string]string{}}
	for i, cell := range cells {
		switch {
		case i >= len(l.columns) || l.columns[i] == "":
			if cell != "" {
				l.fail(line, i+1, "", fmt.Sprintf("%q is in a column without a name", short(cell)),
					"name the column in the first line, or quote the cell that contains the separator")
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
			r.Values[name] = "" // spreadsheets leave out empty cells at the end of a line
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
			l.fail(line, l.column(colRoom), colRoom, fmt.Sprintf("%s is also on line %d", r.where(), other.Line),
				"give each room its own id, or remove one of the lines")
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
			instead += fmt.Sprintf(", as in %q; the name for people goes in the column name", meant)
		}
		if r.Values[name] == "" {
			l.fail(r.Line, l.column(name), name, "is empty", instead)
		} else {
			l.fail(r.Line, l.column(name), name, fmt.Sprintf("%q is not a valid %s id", short(r.Values[name]), name), instead)
		}
	}
}

func (l *list) drives(r *Room) {
	for _, uuid := range strings.Fields(r.Values[colDrives]) {
		if !uuidForm.MatchString(uuid) {
			l.fail(r.Line, l.column(colDrives), colDrives, fmt.Sprintf("%q is not the UUID of a file system", short(uuid)),
				"write the UUID that \"blkid\" shows for the thumb drive, such as 1234-ABCD; separate several with spaces")
			continue
		}
		r.Drives = append(r.Drives, uuid)
	}
}

// column returns the number of a column, from 1, or 0 if there is none.
func (l *list) column(name string) int { return slices.Index(l.columns, name) + 1 }

// where names the room in messages.
func (r Room) where() string {
	if r.Site == "" {
		return r.ID
	}
	return r.Site + "/" + r.ID
}

// columns returns the names of the list's columns, sorted.
func (r Room) columns() []string { return slices.Sorted(maps.Keys(r.Values)) }

var notPlain = regexp.MustCompile(`[^a-z0-9]+`)

// plainly turns text into a valid id, or "" if nothing of it can be used.
func plainly(text string) string {
	text = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "é", "e", "è",
		"e").Replace(strings.ToLower(text))
	text = strings.Trim(notPlain.ReplaceAllString(text, "-"), "-")
	return strings.Trim(text[:min(len(text), 32)], "-")
}

// short cuts text to 40 characters, for messages.
func short(text string) string {
	if r := []rune(text); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return text
}
