package main

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"tacet/cmd/internal/takehome"
	"tacet/config/office"
	"tacet/daemon/recording/visit"
)

// folder is the folder of a copy, while it is written.
type folder struct {
	dir  string
	sums map[string][sha256.Size]byte
}

// fill writes all files, and the manifest.
func (f *folder) fill(c *visit.Copy, about *takehome.About, signer office.Signer) error {
	for _, file := range c.Files() {
		if err := f.write(file.Name, file.Write); err != nil {
			return err
		}
	}
	if about.WithWAV {
		if err := f.write(takehome.WAVName, func(w io.Writer) error { return takehome.WAV(w, c) }); err != nil {
			return err
		}
	}
	if err := f.write(takehome.PageName, func(w io.Writer) error { return f.page(w, about) }); err != nil {
		return err
	}
	text, err := about.ReadMe()
	if err != nil {
		return err
	}
	if err := f.write(takehome.ReadMeName, func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
		return err
	}
	manifest, err := office.SignCopy(f.sums, signer)
	if err != nil {
		return err
	}
	err = f.write(takehome.ManifestName, func(w io.Writer) error { _, err := w.Write(manifest); return err })
	return errors.Join(err, syncFolder(f.dir))
}

// page writes listen.html, with the first of the files that play in it.
func (f *folder) page(w io.Writer, about *takehome.About) error {
	sound, err := os.Open(filepath.Join(f.dir, visit.Sounds(about.Codec)[0]))
	if err != nil {
		return err
	}
	defer sound.Close()
	return about.Page(w, sound)
}

// write writes one file, and remembers its hash.
func (f *folder) write(name string, write func(io.Writer) error) error {
	file, err := os.OpenFile(filepath.Join(f.dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(file, sum), 1<<20)
	err = write(w)
	if err = errors.Join(err, w.Flush(), file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if f.sums == nil {
		f.sums = map[string][sha256.Size]byte{}
	}
	f.sums[name] = [sha256.Size]byte(sum.Sum(nil))
	return nil
}
