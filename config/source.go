package config

import (
	"bytes"
	"errors"
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"tacet/config/textfile"
)

// source is the text of a config file: valid UTF-8, without a byte-order mark.
type source struct {
	data   []byte
	starts []int // the offset at which each line starts
}

// newSource decodes the file. It reports and repairs what it can. It returns false if this is not
// text, or too long.
func newSource(data []byte, c *checker) (*source, bool) {
	if len(data) > MaxFile {
		c.errors.add(Problem{File: c.file, Line: 1, What: fmt.Sprintf("the file is longer than %d bytes", MaxFile),
			Instead: "name a config file; an ordinary one has a few thousand bytes"})
		return nil, false
	}
	text, encoding, err := textfile.Decode(data)
	switch {
	case errors.Is(err, textfile.ErrBinary): // reported later, with the line of the zero byte
	case err != nil:
		what, instead, _ := strings.Cut(err.Error(), ": ")
		c.errors.add(Problem{File: c.file, Line: 1, What: "the file " + what, Instead: instead})
		return nil, false
	default:
		data = text
	}
	if encoding == textfile.UTF16 {
		c.warn(1, "", "the file is in UTF-16, which Tacet reads and other programs may not", "save it as UTF-8")
	}

	s := &source{data: data}
	if !utf8.Valid(data) {
		s.index()
		c.fail(s.line(invalidAt(data)), "", "the line is not in UTF-8", "save the file as UTF-8")
		s.data = bytes.ToValidUTF8(data, []byte("\ufffd"))
	}
	s.index()
	return s, true
}

func invalidAt(data []byte) int {
	at := 0
	for at < len(data) {
		r, n := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		at += n
	}
	return at
}

func (s *source) index() {
	s.starts = []int{0}
	for i, b := range s.data {
		if b == '\n' && i+1 < len(s.data) {
			s.starts = append(s.starts, i+1)
		}
	}
}

// lines returns the number of lines.
func (s *source) lines() int { return len(s.starts) }

// line returns the number of the line, from 1, that contains the byte at offset.
func (s *source) line(offset int) int {
	return sort.SearchInts(s.starts, offset+1)
}

// text returns a line without its end.
func (s *source) text(line int) []byte {
	end := len(s.data)
	if line < len(s.starts) {
		end = s.starts[line]
	}
	return bytes.TrimRight(s.data[s.starts[line-1]:end], "\r\n")
}
