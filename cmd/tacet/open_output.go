package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tacet/audio/wav"
	"tacet/cmd/internal/cli"
)

// checkOut refuses an output that exists, or that can't take sound.
func checkOut(env *cli.Env, out string) error {
	if out == "-" {
		if env.Screen() {
			return cli.WithHint(errors.New("standard output is a terminal, which can't show sound"),
				"name a file with -o, or pipe the sound to a player")
		}
		return nil
	}
	if _, err := os.Lstat(out); err == nil {
		return outExists(out)
	}
	return checkFolder(out)
}

// checkFolder refuses the name of a new file if its folder does not exist.
func checkFolder(name string) error {
	dir := filepath.Dir(name)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return cli.WithHint(fmt.Errorf("there is no folder %s", dir), "make it first, or name another file with -o")
	}
	return nil
}

func outExists(name string) error {
	return cli.WithHint(fmt.Errorf("%s already exists", name), "choose another name: nothing is overwritten")
}

// extensions are the file names' ends for each codec, the usual one first.
var extensions = map[string][]string{
	"opus": {".opus", ".ogg", ".oga"},
	"flac": {".flac"},
	"wav":  {".wav", ".wave"},
}

// otherExtensions belong to formats that no recording has.
var otherExtensions = []string{".mp3", ".m4a", ".m4b", ".mp4", ".aac", ".wma", ".aif", ".aiff", ".caf", ".amr", ".3gp",
	".mka", ".webm", ".mp2", ".ac3", ".au", ".alac", ".ape", ".wv", ".spx"}

// checkExtension refuses a name that promises another format than the sound has: a player would
// trust the name, and play nothing.
func checkExtension(out, codec string) error {
	extension := strings.ToLower(filepath.Ext(out))
	right := extensions[codec]
	if out == "-" || len(right) == 0 || slices.Contains(right, extension) {
		return nil
	}
	known := slices.Contains(otherExtensions, extension)
	for _, list := range extensions {
		known = known || slices.Contains(list, extension)
	}
	if !known {
		return nil
	}
	format := map[string]string{"opus": "Ogg Opus", "flac": "FLAC", "wav": "WAV"}[codec]
	return cli.WithHint(fmt.Errorf("the sound is %s, but the name %s promises another format", format, out),
		"write -o %s; the sound is not converted", strings.TrimSuffix(out, filepath.Ext(out))+right[0])
}

// lengthFits reports whether the written file can state its length.
func (o *opening) lengthFits() bool {
	a := &o.rep.Head.Audio
	return a.Codec != "wav" || o.rep.Sound.Samples*int64(a.Channels)*2 <= wav.MaxLength
}

// writeFile writes the sound to a file that must not exist. The file gets its name when it is
// finished, so nobody finds half of it.
func (o *opening) writeFile(name string) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".tacet-*"+filepath.Ext(name))
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(f.Name())
	incomplete := o.writeTo(f)
	if incomplete != nil && !errors.As(incomplete, new(*incompleteError)) {
		f.Close() // it is removed anyway
		return incomplete
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
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
	return incomplete
}

// link is os.Link; tests replace it.
var link = os.Link

// publish gives a file its name, unless the name is taken. Without hard links, as on a FAT stick,
// an empty file takes the name first.
func publish(from, to string) error {
	err := link(from, to)
	if err == nil || errors.Is(err, os.ErrExist) {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), os.Rename(from, to)); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}
