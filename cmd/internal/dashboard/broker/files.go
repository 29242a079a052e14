package broker

import (
	"fmt"
	"os"
	"sync"
	"time"

	"tacet/config/textfile"
)

const (
	maxList = 8 << 20 // bytes of a file with accounts
	// rereadAfter is how soon a changed file is noticed.
	rereadAfter = 5 * time.Second
)

// lists are the accounts as the files have them. A changed file is read again; one that can't be
// read, or is wrong, leaves the accounts as they were.
type lists struct {
	passwords, access string
	failed            func(error)

	mu     sync.Mutex
	all    map[string]*account // guarded by mu
	looked time.Time           // guarded by mu
	seen   [2]time.Time        // guarded by mu; when the files were changed
}

func openLists(passwords, access string, failed func(error)) (*lists, error) {
	l := &lists{passwords: passwords, access: access, failed: failed}
	l.seen, l.looked = l.changed(), time.Now()
	all, err := l.read()
	l.all = all
	return l, err
}

func (l *lists) read() (map[string]*account, error) {
	passwords, err := textfile.Read(l.passwords, maxList)
	if err != nil {
		return nil, fmt.Errorf("read the broker's accounts: %w", err)
	}
	access, err := textfile.Read(l.access, maxList)
	if err != nil {
		return nil, fmt.Errorf("read the broker's accounts: %w", err)
	}
	all, err := parseAccounts(passwords, access)
	if err != nil {
		return nil, fmt.Errorf("read the broker's accounts: %w", err)
	}
	return all, nil
}

func (l *lists) changed() (at [2]time.Time) {
	for i, name := range []string{l.passwords, l.access} {
		if info, err := os.Stat(name); err == nil {
			at[i] = info.ModTime()
		}
	}
	return at
}

// account returns a user, or nil.
func (l *lists) account(name string) *account {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.looked) > rereadAfter {
		l.looked = time.Now()
		if now := l.changed(); now != l.seen {
			l.seen = now
			if all, err := l.read(); err != nil {
				l.failed(err)
			} else {
				l.all = all
			}
		}
	}
	return l.all[name]
}

// rooms is how many accounts are units'.
func (l *lists) rooms() (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.all {
		if a.isRoom {
			n++
		}
	}
	return n
}
