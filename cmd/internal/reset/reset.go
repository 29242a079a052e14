//go:build unix

// Package reset takes a unit out of a practice: it ends the unit's ledger, removes the recordings
// that the stores have, and destroys the unit's keys and all other secrets.
//
//	u := reset.Unit{Config: path, Cfg: cfg, State: "/var/lib/tacet", Etc: "/etc/tacet", Tell: printf}
//	err := u.Reset() // a *LeftError if the stores lack a recording
//
// The daemon must not run; a lock on the spool ensures that. If power fails, call Reset again: it
// removes the config last, so it can continue from any point.
//
// Flash may still hold data that was overwritten or removed. To be sure, destroy the card.
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

// Unit is the unit to reset.
type Unit struct {
	Config string // path of the config
	Cfg    *config.Config
	State  string // the service's state folder
	// Etc is the config's folder. If it is set, Reset removes every file in Etc and State, so
	// nothing but the unit may use them. If it is "", Reset removes only files that it knows.
	Etc     string
	Force   bool                             // also remove recordings that the stores lack
	Version string                           // of the software, for the ledger
	Tell    func(format string, args ...any) // reports each thing that was done, as a line without its end

	Begun bool // set by Reset before it changes anything
}

const (
	ledgerName = "ledger"
	maxKey     = 4 << 10 // bytes of the key's file
)

// LeftError reports recordings on the unit that some store still lacks.
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

// Reset resets the unit. If it returns a *LeftError, it has changed nothing.
func (u *Unit) Reset() error {
	lock, err := spool.Lock(u.Cfg.Spool.Path)
	if err != nil {
		var fault *spool.Error
		if !u.Force || !errors.As(err, &fault) || fault.Kind != spool.Missing {
			return err
		}
		u.Tell("the spool %s is missing; recordings on its disk, if any, stay there", u.Cfg.Spool.Path)
		return u.run(nil)
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
	return u.run(shelf)
}

// run performs the reset, in an order that allows it to continue after an interruption. s is nil if
// the spool is missing.
func (u *Unit) run(s *shelf) error {
	u.Begun = true
	public, err := u.endLedger(s)
	if err != nil {
		return err
	}
	if s != nil { // before the ledger moves away: it says which recordings the stores have
		if err := s.clear(); err != nil {
			return err
		}
	}
	if public != "" {
		if err := u.archiveLedger(public); err != nil {
			return err
		}
	}
	for _, name := range u.secrets() {
		if err := u.destroy(name); err != nil {
			return err
		}
	}
	if u.Etc != "" { // the service's saved state, and every other file
		if err := errors.Join(u.clearFolder(u.State), u.clearFolder(u.Etc)); err != nil {
			return err
		}
	}
	if err := u.destroy(u.Config); err != nil { // last, since a second run needs it
		return err
	}
	u.Tell("flash may still hold what was removed: to be sure, destroy the card")
	return nil
}

// endLedger writes the ledger's last entries. It returns the public key that verifies the ledger,
// or "" if the unit's key is gone or damaged, so that nothing can be signed.
func (u *Unit) endLedger(s *shelf) (public string, err error) {
	data, err := textfile.Bytes(u.Cfg.Unit.Key, maxKey)
	if errors.Is(err, fs.ErrNotExist) {
		u.Tell("the unit's key is missing: the ledger gets no last entry")
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the unit's key: %w", err)
	}
	private, public, _ := strings.Cut(string(data), "\n")
	public = strings.TrimSpace(public)
	signer, err := note.NewSigner(private)
	if err != nil {
		u.Tell("the unit's key is damaged: the ledger gets no last entry")
		return "", nil
	}
	root, err := os.OpenRoot(u.State)
	if err != nil {
		return "", fmt.Errorf("open the unit's folder: %w", err)
	}
	defer root.Close()
	own := durable.OS(root)
	if _, err := own.Stat(archive(public) + "/" + ledgerName); err == nil { // an interrupted run did this
		return public, nil
	}
	l, err := ledger.Open(own, ledgerName, recording.Origin(u.Cfg.Room.Site, u.Cfg.Room.ID, ledgerName), signer, false)
	if err != nil {
		return "", err
	}
	head, err := u.lastEntries(l, s)
	if err := errors.Join(err, l.Close()); err != nil {
		return "", err
	}
	u.Tell("ended the ledger with a signed entry; its head:")
	for line := range strings.Lines(strings.TrimRight(string(head), "\n")) {
		u.Tell("    %s", strings.TrimRight(line, "\n"))
	}
	return public, nil
}

// lastEntries appends what happens to the recordings, and the reset. It returns the signed head.
func (u *Unit) lastEntries(l *ledger.Ledger, s *shelf) (head []byte, err error) {
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

// archive returns the folder for an ended ledger. Its name comes from the unit's key, so a reset
// that continues after an interruption uses the same folder.
func archive(public string) string {
	_, rest, _ := strings.Cut(public, "+")
	hash, _, _ := strings.Cut(rest, "+")
	return "left-" + hash
}

// archiveLedger moves the ledger's files to a folder of their own, the ledger itself first, and
// adds the unit's public key. The unit's next installation starts a new ledger.
func (u *Unit) archiveLedger(public string) error {
	root, err := os.OpenRoot(u.State)
	if err != nil {
		return fmt.Errorf("archive the ledger: %w", err)
	}
	defer root.Close()
	own, folder := durable.OS(root), archive(public)
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
	u.Tell("moved the ledger and the unit's public key to %s: keep them in the office", filepath.Join(u.State, folder))
	return nil
}
