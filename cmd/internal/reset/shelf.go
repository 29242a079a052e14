//go:build unix

package reset

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"tacet/config"
	"tacet/daemon/durable"
	"tacet/daemon/ledger"
	"tacet/daemon/spool"
)

// shelf sorts the recordings in the spool by whether the stores have them.
type shelf struct {
	u    *Unit
	fs   durable.FS
	held []spool.Entry // recordings that the stores have
	left []string      // files that some store lacks
	lost []string      // IDs of the recordings among them
}

// look fills in the lists.
func (s *shelf) look() error {
	sp, err := spool.Open(s.fs)
	if err != nil {
		return err
	}
	list, err := sp.List()
	if err != nil {
		return err
	}
	copies, err := s.u.copies()
	if err != nil {
		return err
	}
	ours := map[string]bool{}
	for _, e := range list {
		ours[e.Name] = true
		if e.Finished && copies.enough(e.ID) {
			s.held = append(s.held, e)
			continue
		}
		s.left = append(s.left, e.Name)
		s.lost = append(s.lost, e.ID)
	}
	entries, err := s.fs.ReadDir(".")
	if err != nil {
		return fmt.Errorf("list the spool: %w", err)
	}
	for _, e := range entries { // no store has the damaged files that spool sets aside
		if e.Type().IsRegular() && !ours[e.Name()] && strings.HasSuffix(e.Name(), ".damaged") {
			s.left = append(s.left, e.Name())
		}
	}
	return nil
}

// clear removes all recordings. There are files in left only if Force is set.
func (s *shelf) clear() error {
	sp, err := spool.Open(s.fs)
	if err != nil {
		return err
	}
	for _, e := range s.held {
		if err := sp.Remove(e.Name); err != nil {
			return err
		}
	}
	switch n := len(s.held); n {
	case 0:
	case 1:
		s.u.Tell("removed 1 recording that the stores have")
	default:
		s.u.Tell("removed %d recordings that the stores have", n)
	}
	for _, name := range s.left {
		if err := s.fs.Remove(name); err != nil {
			return fmt.Errorf("remove %s from the spool: %w", name, err)
		}
		s.u.Tell("removed %s, which was not in all stores", name)
	}
	return s.fs.SyncDir(".")
}

// copies are the stores that have each recording, by its ID, according to the ledger.
type copies struct {
	cfg   *config.Config
	holds map[string]map[string]bool // stores that have a copy now
	had   map[string]map[string]bool // also those that have removed it since, because of its age
}

// copies reads the ledger without opening it, since a reset that is refused must leave it
// unchanged.
func (u *Unit) copies() (*copies, error) {
	c := &copies{u.Cfg, map[string]map[string]bool{}, map[string]map[string]bool{}}
	root, err := os.OpenRoot(u.State)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the unit's folder: %w", err)
	}
	defer root.Close()
	return c, ledger.Peek(durable.OS(root), ledgerName, func(e ledger.Entry) {
		switch {
		case e.Type == ledger.Copied:
			add(c.holds, e.ID, e.Store)
			add(c.had, e.ID, e.Store)
		case e.Type == ledger.Erased && e.Store != "":
			delete(c.holds[e.ID], e.Store)
		}
	})
}

func add(m map[string]map[string]bool, id, store string) {
	if m[id] == nil {
		m[id] = map[string]bool{}
	}
	m[id][store] = true
}

// enough reports whether every store that the config requires has received a recording, and at
// least one still has it.
func (c *copies) enough(id string) bool {
	there := func(s config.Store) bool { return c.holds[id][s.Name] }
	if !slices.ContainsFunc(c.cfg.Stores, there) {
		return false
	}
	if c.cfg.Spool.Release == config.Any {
		return true
	}
	return !slices.ContainsFunc(c.cfg.Stores, func(s config.Store) bool { return !c.had[id][s.Name] })
}
