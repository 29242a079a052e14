package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/takehome"
	"tacet/config/office"
	"tacet/daemon/recording"
	"tacet/daemon/recording/bundle"
	"tacet/daemon/recording/visit"
)

// isCopy reports whether a name is that of a folder with a proof.
func isCopy(name string) bool {
	_, err := os.Lstat(filepath.Join(name, visit.ProofName))
	return err == nil
}

// copyFolder is the folder of a copy, while it is checked. Nothing outside of it is read.
type copyFolder struct {
	*os.Root
	env  *cli.Env
	name string
}

// copy verifies a copy, and prints two verdicts: the sound's, and the office's.
func (v *verifier) copy(name string) error {
	root, err := os.OpenRoot(name)
	if err != nil {
		v.failed = append(v.failed, err)
		return nil
	}
	defer root.Close()
	c := &copyFolder{root, v.env, name}
	proof, sounds, err := c.sound()
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case err != nil:
		v.failed = append(v.failed, err)
	default:
		if err := v.printCopy(name, proof, sounds); err != nil {
			return err
		}
		if !slices.Contains(v.known, proof.Head.UnitKey) {
			v.unvouched(name, &recording.Report{Head: proof.Head})
		}
	}
	said, err := c.manifest(v.offices)
	if errors.Is(err, context.Canceled) {
		return err
	}
	if err != nil {
		v.failed = append(v.failed, fmt.Errorf("%s: what the office wrote: %w", name, err))
		return nil
	}
	return v.env.Printf("%s: %s\n", name, said)
}

// printCopy prints what the sound of a copy is.
func (v *verifier) printCopy(name string, p *visit.Proof, sounds []string) error {
	part := partText(p.Part, p.Length())
	if p.Whole {
		part = "whole, " + formatLength(p.Length())
	}
	if p.End == nil {
		part += " that are proved"
	}
	return v.env.Printf("%s: the sound is genuine, %s/%s, %s, %s%s: %s\n", name, p.Head.Site, p.Head.Room,
		formatTime(p.Head.Started), part, byUnit(slices.Contains(v.known, p.Head.UnitKey), v.anyUnit),
		strings.Join(sounds, ", "))
}

// open opens a file of a copy. Anything but an ordinary file is an error.
func (c *copyFolder) open(name string) (*os.File, int64, error) {
	info, err := c.Lstat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not an ordinary file", name)
	}
	f, err := c.Root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not an ordinary file", name)
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// sound checks the proof, and each file whose sound it proves. It returns their names.
func (c *copyFolder) sound() (p *visit.Proof, sounds []string, err error) {
	f, size, err := c.open(visit.ProofName)
	if err != nil {
		return nil, nil, fmt.Errorf("verify %s: %w", c.name, err)
	}
	defer f.Close()
	if p, err = visit.ReadProof(interruptible{c.env.Ctx, f}, size); err != nil {
		return nil, nil, c.bad(visit.ProofName, err)
	}
	var missing []string
	for _, name := range visit.Sounds(p.Head.Audio.Codec) {
		f, size, err := c.open(name)
		if errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, name)
			continue
		}
		if err == nil {
			err = p.Check(name, interruptible{c.env.Ctx, f}, size)
			f.Close()
		}
		if err != nil {
			return nil, nil, c.bad(name, err)
		}
		sounds = append(sounds, name)
	}
	if len(sounds) == 0 {
		return nil, nil, fmt.Errorf("%s is not a copy: %s is missing", c.name, strings.Join(missing, " or "))
	}
	return p, sounds, nil
}

// bad says what is wrong with a file of a copy.
func (c *copyFolder) bad(name string, err error) error {
	if errors.As(err, new(*bundle.Fault)) {
		return cli.WithHint(fmt.Errorf("%s is not a genuine copy: %s: %w", c.name, name, err),
			"ask the practice for another copy; nothing of this one counts")
	}
	return fmt.Errorf("verify %s: %s: %w", c.name, name, err)
}

// maxCopyFiles is how many files a copy's folder may have.
const maxCopyFiles = 100

// manifest checks what the office vouches for, and says what that is. Files that are missing are no
// fault: a patient may keep only some.
func (c *copyFolder) manifest(offices []office.Key) (said string, err error) {
	f, size, err := c.open(takehome.ManifestName)
	if errors.Is(err, fs.ErrNotExist) {
		return "no office vouches for anything else in it: " + takehome.ManifestName + " is missing", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	if size > office.MaxCopy {
		return "", fmt.Errorf("%s is too long", takehome.ManifestName)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(f, text); err != nil {
		return "", err
	}
	m, err := office.ParseCopy(text)
	if err != nil {
		return "", fmt.Errorf("%s %w", takehome.ManifestName, err)
	}
	known := "an office whose key is not given: name it with -office"
	if len(offices) > 0 {
		at := slices.IndexFunc(offices, func(k office.Key) bool { return k.CheckCopy(m) == nil })
		if at < 0 {
			return "", fmt.Errorf("%s %w", takehome.ManifestName, office.ErrChanged)
		}
		known = "a known office"
	}
	there, err := c.others(m.Files)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("as %s wrote them, %s: %s", m.Office, known, strings.Join(there, ", ")), nil
}

// others compares all other files with the manifest, and returns their names.
func (c *copyFolder) others(files map[string][sha256.Size]byte) (there []string, err error) {
	dir, err := c.Root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(maxCopyFiles)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(entries) == maxCopyFiles {
		return nil, fmt.Errorf("the folder has %d files or more", maxCopyFiles)
	}
	for _, e := range entries {
		if _, ok := files[e.Name()]; !ok && e.Name() != takehome.ManifestName {
			return nil, fmt.Errorf("%s is not among the files that it lists", e.Name())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, _, err := c.open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sum := sha256.New()
		_, err = io.Copy(sum, readerFunc(func(b []byte) (int, error) {
			if err := c.env.Ctx.Err(); err != nil {
				return 0, err
			}
			return f.Read(b)
		}))
		f.Close()
		if err != nil {
			return nil, err
		}
		if [sha256.Size]byte(sum.Sum(nil)) != files[name] {
			return nil, fmt.Errorf("%s was changed after the office wrote it", name)
		}
		there = append(there, name)
	}
	return there, nil
}

// readerFunc is a function that reads.
type readerFunc func([]byte) (int, error)

func (r readerFunc) Read(b []byte) (int, error) { return r(b) }
