package provision

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"tacet/daemon/durable"
)

// out is the folder that provision writes to. Names are relative to it, with slashes.
type out struct {
	root  *os.Root
	fs    durable.FS
	wrote []string // files written or removed by this run, in order
}

// openOut opens the folder, and creates it if needed. Since it holds secrets, only its owner may
// read it.
func openOut(name string) (*out, error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, err
	}
	if err := os.Chmod(name, 0o700); err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, err
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	return &out{root: root, fs: durable.OS(root)}, nil
}

func (o *out) Close() error { return o.root.Close() }

const maxRead = 4 << 20 // bytes of a file

// read returns the content of a file, or nil if there is none.
func (o *out) read(name string) ([]byte, error) {
	data, err := durable.ReadFile(o.fs, name, maxRead)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// put writes a file atomically, unless it has that content already.
func (o *out) put(name string, data []byte) error {
	before, err := o.read(name)
	if err == nil && before != nil && bytes.Equal(before, data) {
		return nil
	}
	if err := o.root.MkdirAll(filepath.FromSlash(path.Dir(name)), 0o700); err != nil {
		return err
	}
	if err := durable.WriteFile(o.fs, name, data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	o.wrote = append(o.wrote, name)
	return nil
}

// keep returns the content of a file, and creates the file with make if it is missing or empty.
func (o *out) keep(name string, make func() ([]byte, error)) ([]byte, error) {
	data, err := o.read(name)
	if err != nil || len(data) > 0 {
		return data, err
	}
	if data, err = make(); err != nil {
		return nil, err
	}
	return data, o.put(name, data)
}

// only removes the files of a folder that are not in keep.
func (o *out) only(folder string, keep map[string]bool) error {
	entries, err := o.fs.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if name := path.Join(folder, e.Name()); !keep[e.Name()] && e.Type().IsRegular() {
			if err := o.fs.Remove(name); err != nil {
				return err
			}
			o.wrote = append(o.wrote, name)
		}
	}
	return nil
}

// rooms returns the folders SITE/ROOM that contain a config.
func (o *out) rooms() (places []string, err error) {
	sites, err := o.fs.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, s := range sites {
		if !s.IsDir() || !roomForm.MatchString(s.Name()) {
			continue
		}
		rooms, err := o.fs.ReadDir(s.Name())
		if err != nil {
			return nil, err
		}
		for _, r := range rooms {
			place := s.Name() + "/" + r.Name()
			if _, err := o.fs.Stat(place + "/" + etcFolder + "/" + configFile); err == nil {
				places = append(places, place)
			}
		}
	}
	return places, nil
}

// changed reports whether this run wrote or removed a file in a folder.
func (o *out) changed(folder string) bool {
	return slices.ContainsFunc(o.wrote, func(name string) bool { return strings.HasPrefix(name, folder+"/") })
}

func sorted(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }
