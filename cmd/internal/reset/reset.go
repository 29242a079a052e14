//go:build unix

// Package reset takes a unit out of a practice: it ends the unit's ledger, destroys its keys and
// all secrets, and removes recordings that are safe elsewhere.
//
//	u := reset.Unit{Config: path, Cfg: cfg, State: "/var/lib/tacet", Etc: "/etc/tacet", Tell: print}
//	err := u.Reset()            // a *LeftError: recordings that are nowhere else
//
// The daemon must not run; the lock on the spool sees to that. Power may be cut at any place: Reset
// comes to the same end when it is called again, since the config goes last.
//
// What it can't do: flash may keep what was overwritten and removed. Whoever must be sure destroys
// the card.
package reset

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"tacet/config"
	"tacet/config/textfile"
	"tacet/daemon/durable"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
	"tacet/daemon/spool"
)

// Unit is what is reset.
type Unit struct {
	Config string // the config's file
	Cfg    *config.Config
	State  string // the service's own folder
	// the config's folder, where it and State are the unit's alone: every file in them goes; "":
	// they aren't
	Etc     string
	Force   bool   // also recordings that are nowhere else
	Version string // of the software
	Tell    func(format string, args ...any)

	Begun bool // Reset has come to where something changes
}

const (
	ledgerName = "ledger"
	maxKey     = 4 << 10
)

// LeftError says that recordings are on the unit and not everywhere that they should be.
type LeftError struct {
	Names []string // as files in the spool
}

func (e *LeftError) Error() string {
	names := e.Names
	more := ""
	if len(names) > 5 {
		names, more = names[:5], fmt.Sprintf(" and %d more", len(names)-5)
	}
	what := "1 recording on the unit is"
	if len(e.Names) != 1 {
		what = fmt.Sprintf("%d recordings on the unit are", len(e.Names))
	}
	return what + " not in all stores yet: " + strings.Join(names, ", ") + more
}

// Reset resets the unit. After a *LeftError nothing has changed.
func (u *Unit) Reset() error {
	lock, err := spool.Lock(u.Cfg.Spool.Path)
	if err != nil {
		var fault *spool.Error
		if !u.Force || !errors.As(err, &fault) || fault.Kind != spool.Missing {
			return err
		}
		u.Tell("the spool %s is not there; what lies on its disk stays there", u.Cfg.Spool.Path)
		return u.without(nil)
	}
	defer lock.Close()
	root, err := os.OpenRoot(u.Cfg.Spool.Path)
	if err != nil {
		return fmt.Errorf("open the spool: %w", err)
	}
	defer root.Close()
	shelf := &shelf{u: u, fs: durable.OS(root)}
	if err := shelf.look(); err != nil {
		return err
	}
	if len(shelf.left) > 0 && !u.Force {
		return &LeftError{shelf.left}
	}
	return u.without(shelf)
}

// without does it, in an order in which an interruption does no harm.
func (u *Unit) without(s *shelf) error {
	u.Begun = true
	public, err := u.endLedger(s)
	if err != nil {
		return err
	}
	if s != nil { // while the ledger is there: it says what is elsewhere
		if err := s.clear(); err != nil {
			return err
		}
	}
	if public != "" {
		if err := u.aside(public); err != nil {
			return err
		}
	}
	for _, name := range u.secrets() {
		if err := u.destroy(name); err != nil {
			return err
		}
	}
	if u.Etc != "" { // what the service has kept: whom it trusted, what it last published; and what else was put there
		if err := errors.Join(u.clearFolder(u.State), u.clearFolder(u.Etc)); err != nil {
			return err
		}
	}
	if err := u.destroy(u.Config); err != nil { // last: with it all this can be done again
		return err
	}
	u.Tell("flash may keep what was removed: destroy the card if nobody may ever read it")
	return nil
}

// endLedger writes the last lines, and returns the key that proves them; "" where the unit's key is
// gone or damaged, and the ledger at its end already.
func (u *Unit) endLedger(s *shelf) (public string, err error) {
	data, err := textfile.Bytes(u.Cfg.Unit.Key, maxKey)
	if errors.Is(err, fs.ErrNotExist) {
		u.Tell("there is no unit's key: nothing is signed any more")
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the unit's key: %w", err)
	}
	private, public, _ := strings.Cut(string(data), "\n")
	public = strings.TrimSpace(public)
	signer, err := note.NewSigner(private)
	if err != nil {
		u.Tell("the unit's key is damaged: nothing is signed any more")
		return "", nil
	}
	root, err := os.OpenRoot(u.State)
	if err != nil {
		return "", fmt.Errorf("open the unit's folder: %w", err)
	}
	defer root.Close()
	own := durable.OS(root)
	if _, err := own.Stat(asideFolder(public) + "/" + ledgerName); err == nil { // cut off in the middle
		return public, nil
	}
	l, err := ledger.Open(own, ledgerName, recording.Origin(u.Cfg.Room.Site, u.Cfg.Room.ID, ledgerName), signer, false)
	if err != nil {
		return "", err
	}
	head, err := u.lastLines(l, s)
	if err := errors.Join(err, l.Close()); err != nil {
		return "", err
	}
	u.Tell("the ledger ends with a signed entry; its head:")
	for line := range strings.Lines(strings.TrimRight(string(head), "\n")) {
		u.Tell("    %s", strings.TrimRight(line, "\n"))
	}
	return public, nil
}

func (u *Unit) lastLines(l *ledger.Ledger, s *shelf) (head []byte, err error) {
	now := time.Now()
	if s != nil {
		for _, e := range s.held {
			if err := l.Append(ledger.Entry{Type: ledger.Released, Time: now, ID: e.ID}); err != nil {
				return nil, err
			}
		}
		for _, id := range s.lost {
			if err := l.Append(ledger.Entry{Type: ledger.Erased, Time: now, ID: id}); err != nil {
				return nil, err
			}
		}
	}
	if err := l.Append(ledger.Entry{Type: ledger.Reset, Time: now, Version: u.Version}); err != nil {
		return nil, err
	}
	return l.Head(), nil
}

// asideFolder is the folder in which an ended ledger lies, by the key that proves it: the same one
// when an interrupted reset goes on.
func asideFolder(public string) string {
	_, rest, _ := strings.Cut(public, "+")
	hash, _, _ := strings.Cut(rest, "+")
	return "left-" + hash
}

// aside puts the ledger's files into a folder of their own, so that the unit's next life begins a
// new one: the ledger itself first.
func (u *Unit) aside(public string) error {
	root, err := os.OpenRoot(u.State)
	if err != nil {
		return fmt.Errorf("put the ledger aside: %w", err)
	}
	defer root.Close()
	own, folder := durable.OS(root), asideFolder(public)
	if err := os.Mkdir(filepath.Join(u.State, folder), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := durable.WriteFile(own, folder+"/unit.vkey", []byte(public+"\n")); err != nil {
		return fmt.Errorf("put the ledger aside: %w", err)
	}
	entries, err := own.ReadDir(".")
	if err != nil {
		return fmt.Errorf("put the ledger aside: %w", err)
	}
	for _, e := range entries {
		if e.Type().IsRegular() && (e.Name() == ledgerName || strings.HasPrefix(e.Name(), ledgerName+".")) {
			if err := own.Rename(e.Name(), folder+"/"+e.Name()); err != nil {
				return fmt.Errorf("put the ledger aside: %w", err)
			}
		}
	}
	if err := errors.Join(own.SyncDir(folder), own.SyncDir(".")); err != nil {
		return fmt.Errorf("put the ledger aside: %w", err)
	}
	u.Tell("the ledger and the key that proves it lie in %s: keep them in the office", filepath.Join(u.State, folder))
	return nil
}
