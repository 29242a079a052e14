package people

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
)

var (
	// ErrRefused is the answer to a wrong name or password. It doesn't say which.
	ErrRefused = errors.New("the name or the password is wrong")
	// ErrBusy is the answer while too many passwords are waiting to be checked.
	ErrBusy = errors.New("too many people are signing in; try again in a few seconds")
)

const (
	idle        = 7 * 24 * time.Hour  // after which an unused session ends
	longest     = 90 * 24 * time.Hour // a session, however much it is used
	maxSessions = 1000
	maxWaiting  = 32 // passwords waiting to be checked: some seconds' work
)

// Gate lets people in. Its methods may be called from any goroutine.
type Gate struct {
	book  Book
	delay delays
	key   [32]byte // of the names of passwords that have been checked

	checking chan struct{} // one password at a time: each takes 19 MiB
	waiting  chan struct{}

	mu       sync.Mutex
	sessions map[[32]byte]session // by the SHA-256 of the token
	checked  map[[32]byte]session // by passwords that were right, for programs that send theirs each time
}

// session is somebody who has signed in.
type session struct {
	name, hash  string // of the account at that time
	began, used time.Time
}

// NewGate returns a gate for the accounts of a book.
func NewGate(book Book) *Gate {
	g := &Gate{book: book, checking: make(chan struct{}, 1), waiting: make(chan struct{}, maxWaiting),
		sessions: map[[32]byte]session{}, checked: map[[32]byte]session{}}
	rand.Read(g.key[:])
	return g
}

// Empty reports whether nobody has an account. It says no if that can't be known.
func (g *Gate) Empty() bool {
	all, err := g.book.Accounts()
	return err == nil && len(all) == 0
}

// SignIn checks a password and returns the token of a new session. from is the address that asks.
func (g *Gate) SignIn(ctx context.Context, from netip.Addr, name, password string) (string, error) {
	a, err := g.check(ctx, from, name, password)
	if err != nil {
		return "", err
	}
	token := rand.Text() + rand.Text()
	g.keep(g.sessions, sha256.Sum256([]byte(token)), a)
	return token, nil
}

// SignOut ends a session.
func (g *Gate) SignOut(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, sha256.Sum256([]byte(token)))
}

// Who returns whose session it is. It ends when the account is removed or changed.
func (g *Gate) Who(token string) (Person, bool) {
	return g.find(g.sessions, sha256.Sum256([]byte(token)))
}

// Password returns who a program is that sends its password with each request. What was right once
// is right until the account changes, so that a program that asks every few seconds costs little.
func (g *Gate) Password(ctx context.Context, from netip.Addr, name, password string) (Person, error) {
	mac := hmac.New(sha256.New, g.key[:])
	fmt.Fprintf(mac, "%d %s %s", len(name), name, password)
	var id [32]byte
	mac.Sum(id[:0])
	if p, ok := g.find(g.checked, id); ok {
		return p, nil
	}
	a, err := g.check(ctx, from, name, password)
	if err != nil {
		return Person{}, err
	}
	g.keep(g.checked, id, a)
	return a.Person, nil
}

// check checks a password, after the delay that wrong ones have earned.
func (g *Gate) check(ctx context.Context, from netip.Addr, name, password string) (Account, error) {
	done, err := g.delay.wait(ctx, from)
	if err != nil {
		return Account{}, err
	}
	right := false
	defer func() { done(right) }()
	select {
	case g.waiting <- struct{}{}: // only after the delay, or those who guess would keep others out
		defer func() { <-g.waiting }()
	default:
		return Account{}, ErrBusy
	}
	select {
	case g.checking <- struct{}{}:
		defer func() { <-g.checking }()
	case <-ctx.Done():
		return Account{}, ctx.Err()
	}
	a, known, err := g.book.Account(name)
	if err != nil {
		return Account{}, fmt.Errorf("look up an account: %w", err)
	}
	if !known {
		a.Hash = blank
	}
	right = len(password) <= maxPassword && matches(password, a.Hash) && known
	if !right {
		return Account{}, ErrRefused
	}
	return a, nil
}

// keep remembers a session. If there are too many, the one unused for longest goes.
func (g *Gate) keep(in map[[32]byte]session, id [32]byte, a Account) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(in) >= maxSessions {
		var oldest [32]byte
		var used time.Time
		for id, s := range in {
			if used.IsZero() || s.used.Before(used) {
				oldest, used = id, s.used
			}
		}
		delete(in, oldest)
	}
	now := time.Now()
	in[id] = session{a.Name, a.Hash, now, now}
}

func (g *Gate) find(in map[[32]byte]session, id [32]byte) (Person, bool) {
	g.mu.Lock()
	s, ok := in[id]
	now := time.Now()
	if ok && (now.Sub(s.used) > idle || now.Sub(s.began) > longest) {
		delete(in, id)
		ok = false
	}
	if ok {
		s.used = now
		in[id] = s
	}
	g.mu.Unlock()
	if !ok {
		return Person{}, false
	}
	a, known, err := g.book.Account(s.name)
	if err != nil || !known || a.Hash != s.hash {
		return Person{}, false
	}
	return a.Person, true
}
