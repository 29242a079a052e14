package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"tacet/cmd/internal/cli"
	"tacet/config/office"
	"tacet/config/textfile"
)

// maxOfficeFile is the longest file with an office's key, in bytes.
const maxOfficeFile = 64 << 10

// readOffices reads the keys of offices: keys, or files with one on each line, such as office.vkey.
// A bad key says nothing about a copy, so the error exits as bad usage does.
func readOffices(named []string) (list []office.Key, err error) {
	for _, name := range named {
		lines := name
		if _, err := office.ParseKey(name); err != nil {
			text, err := textfile.Stream(name, maxOfficeFile)
			if errors.Is(err, fs.ErrNotExist) {
				err = fmt.Errorf("-office %s is neither an office's key nor a file with one", name)
			}
			if err != nil {
				return nil, cli.Exit(cli.ExitUsage, err)
			}
			lines = string(text)
		}
		for line := range strings.Lines(lines) {
			if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			key, err := office.ParseKey(line)
			if err != nil {
				return nil, cli.Exit(cli.ExitUsage, fmt.Errorf("-office %s %w", name, err))
			}
			list = append(list, key)
		}
	}
	return list, nil
}
