package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"
)

// text is a licence as a part has it.
type text struct {
	words string
	spdx  []string // what it is, as far as it is known
}

// asAbove stands for the words of the Apache licence, which ships in a file of its own.
const asAbove = "Apache License, version 2.0, as above."

var licenceFile = regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying|notice|copyright|edl-v10|epl-v20)([-_.].*)?$`)

// code is what a file of that name would be, if it weren't a licence.
var code = regexp.MustCompile(`\.(go|py|sh|js)$`)

// licences reads the licences in a folder, and in those below if they hold any of their own.
func licences(dir string, below bool) ([]text, error) {
	var found []text
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && (!below || strings.HasPrefix(d.Name(), "_") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !licenceFile.MatchString(d.Name()) || code.MatchString(d.Name()):
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		t := newText(string(b))
		if !slices.ContainsFunc(found, func(u text) bool { return u.words == t.words }) {
			found = append(found, t)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for licences: %w", err)
	}
	known := func(t text) bool { return len(t.spdx) > 0 }
	if !slices.ContainsFunc(found, known) {
		return nil, fmt.Errorf("no licence that is known in %s: may it be shipped?", dir)
	}
	return found, nil
}

func newText(words string) text {
	words = strings.ReplaceAll(words, "\r\n", "\n")
	var lines []string
	for line := range strings.Lines(words) {
		lines = append(lines, strings.TrimRight(line, " \t\n\f"))
	}
	t := text{words: strings.Trim(strings.Join(lines, "\n"), "\n")}
	matches := licensecheck.Scan([]byte(t.words)).Match
	for _, m := range slices.Backward(matches) { // so that the places before it stay
		if m.IsURL {
			continue
		}
		if !slices.Contains(t.spdx, m.ID) {
			t.spdx = append(t.spdx, m.ID)
		}
		if m.ID == "Apache-2.0" {
			t.words = t.words[:m.Start] + asAbove + t.words[m.End:]
		}
	}
	slices.Reverse(t.spdx)
	return t
}
