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

// shelf is the spool, as somebody finds it who leaves.
type shelf struct {
	u    *Unit
	fs   durable.FS
	held []spool.Entry // the stores have them
	left []string      // the files that are nowhere else
	lost []string      // the IDs of the recordings among them
}

// look tells what is elsewhere from what is not.
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
	for _, e := range entries { // what is kept of damaged ones, which no store has
		if e.Type().IsRegular() && !ours[e.Name()] && strings.HasSuffix(e.Name(), ".damaged") {
			s.left = append(s.left, e.Name())
		}
	}
	return nil
}

// clear removes all recordings. Those that are nowhere else are here only by force.
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
		s.u.Tell("removed %s, which was nowhere else", name)
	}
	return s.fs.SyncDir(".")
}

// copies are the stores that hold each recording, by its ID, as the ledger has it.
type copies struct {
	cfg   *config.Config
	holds map[string]map[string]bool
	had   map[string]map[string]bool // also where a copy has gone since by its age
}

// copies reads the ledger as it lies there: a unit that stays must find it as it was.
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

// enough reports whether every copy that the config asks for is elsewhere, and one at least is
// still there.
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
