package people

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tacet/config/textfile"
	"tacet/daemon/durable"
)

const (
	// FileName is the name of the file with the accounts.
	FileName    = "people.json"
	maxAccounts = 1000
	maxFile     = 1 << 20 // bytes
	fileAge     = time.Second
)

// File is a Book in a file, which another process may change: "tacet dashboard -add-person" does
// while the dashboard runs.
type File struct {
	path string

	mu     sync.Mutex
	all    map[string]Account
	looked time.Time
	size   int64
	mod    time.Time
}

// fileAccount is an account in the file.
type fileAccount struct {
	Name string `json:"name"`
	Role Role   `json:"role"`
	Site string `json:"site,omitempty"`
	Hash string `json:"hash"`
}

// OpenFile opens the accounts in a folder. There need not be any.
func OpenFile(dir string) (*File, error) {
	f := &File{path: filepath.Join(dir, FileName)}
	_, err := f.Accounts()
	return f, err
}

// Account implements Book.
func (f *File) Account(name string) (Account, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.look()
	a, ok := f.all[name]
	return a, ok, err
}

// Accounts implements Book.
func (f *File) Accounts() ([]Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := f.look()
	var all []Account
	for _, a := range f.all {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b Account) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// Put adds an account, or replaces the one with its name.
func (f *File) Put(a Account) error {
	return f.change(func(all map[string]Account) error {
		if _, known := all[a.Name]; !known && len(all) >= maxAccounts {
			return fmt.Errorf("there are %d accounts already", len(all))
		}
		all[a.Name] = a
		return nil
	})
}

// Remove removes an account.
func (f *File) Remove(name string) error {
	return f.change(func(all map[string]Account) error {
		if _, known := all[name]; !known {
			return fmt.Errorf("there is no account called %s", name)
		}
		delete(all, name)
		return nil
	})
}

// look reads the file if it has changed. While it can't be read nobody has an account.
func (f *File) look() error {
	now := time.Now()
	if f.all != nil && now.Sub(f.looked) < fileAge && !now.Before(f.looked) {
		return nil
	}
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.all, f.looked, f.size, f.mod = map[string]Account{}, now, 0, time.Time{}
		return nil
	case err != nil:
		f.all = nil
		return fmt.Errorf("read the accounts: %w", err)
	case f.all != nil && info.Size() == f.size && info.ModTime().Equal(f.mod):
		f.looked = now
		return nil
	}
	f.all = nil
	data, err := textfile.Read(f.path, maxFile)
	var list []fileAccount
	if err == nil {
		err = json.Unmarshal(data, &list)
	}
	if err != nil {
		return fmt.Errorf("read the accounts in %s: %w", f.path, err)
	}
	f.all, f.looked, f.size, f.mod = map[string]Account{}, now, info.Size(), info.ModTime()
	for _, a := range list {
		f.all[a.Name] = Account{Person{a.Name, a.Role, a.Site}, a.Hash}
	}
	return nil
}

func (f *File) change(do func(map[string]Account) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked = time.Time{}
	if err := f.look(); err != nil {
		return err
	}
	if err := do(f.all); err != nil {
		return err
	}
	var list []fileAccount
	for _, a := range f.all {
		list = append(list, fileAccount{a.Name, a.Role, a.Site, a.Hash})
	}
	slices.SortFunc(list, func(a, b fileAccount) int { return strings.Compare(a.Name, b.Name) })
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	f.all = nil // read again what is there
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("keep the accounts: %w", err)
	}
	root, err := os.OpenRoot(filepath.Dir(f.path))
	if err != nil {
		return fmt.Errorf("keep the accounts: %w", err)
	}
	defer root.Close()
	if err := durable.WriteFile(ofFolder{durable.OS(root), root}, filepath.Base(f.path), append(data, '\n')); err != nil {
		return fmt.Errorf("keep the accounts: %w", err)
	}
	return nil
}

// ofFolder makes files that belong to whoever owns the folder: root edits the accounts of a
// dashboard that runs as a user of its own.
type ofFolder struct {
	durable.FS
	root *os.Root
}

func (o ofFolder) Create(name string) (durable.File, error) {
	f, err := o.FS.Create(name)
	if err != nil {
		return nil, err
	}
	if err := giveToOwner(o.root, name); err != nil {
		return nil, errors.Join(fmt.Errorf("give %s to the folder's owner: %w", name, err), f.Close(), o.FS.Remove(name))
	}
	return f, nil
}
