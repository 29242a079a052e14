package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// writeNewFile writes a file that must not exist. It gets its name when it is finished, so nobody
// finds half of it.
func writeNewFile(name string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".tacet-*"+filepath.Ext(name))
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		f.Close() // it is removed anyway
		return err
	}
	if err := errors.Join(w.Flush(), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := publish(f.Name(), name); errors.Is(err, os.ErrExist) {
		return outExists(name)
	} else if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := syncFolder(filepath.Dir(name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
