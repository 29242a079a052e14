//go:build unix

package reset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"tacet/daemon/durable"
)

// secrets returns the secret files that the config names, the unit's key first.
func (u *Unit) secrets() []string {
	names := []string{u.Cfg.Unit.Key, u.Cfg.Unit.Key + ".first"}
	for _, file := range u.Cfg.NamedFiles() {
		if file.Secret {
			names = append(names, file.Name)
		}
	}
	slices.Sort(names[2:])
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}

// destroy overwrites a file with zeros and removes it. A file that does not exist is not an error.
func (u *Unit) destroy(name string) error {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Mode().IsRegular() {
		err = overwrite(name, info.Size())
	}
	if err == nil {
		err = os.Remove(name)
	}
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	if err != nil {
		return fmt.Errorf("destroy %s: %w", name, err)
	}
	u.Tell("destroyed %s", name)
	return nil
}

func overwrite(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, min(size, 1<<20)))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func syncDir(name string) error {
	root, err := os.OpenRoot(name)
	if err != nil {
		return err
	}
	defer root.Close()
	return durable.OS(root).SyncDir(".")
}

// clearFolder destroys the files of a folder, but for the config and the folders in it.
func (u *Unit) clearFolder(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list %s: %w", folder, err)
	}
	for _, e := range entries {
		name := filepath.Join(folder, e.Name())
		if e.IsDir() || name == filepath.Clean(u.Config) {
			continue
		}
		if err := u.destroy(name); err != nil {
			return err
		}
	}
	return nil
}
