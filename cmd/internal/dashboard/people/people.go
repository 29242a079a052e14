// Package people decides who may see what on the dashboard. It keeps passwords as hashes, delays
// those who guess, and remembers who has signed in. It knows no HTTP.
//
//	gate := people.NewGate(book)
//	token, err := gate.SignIn(ctx, from, "kim", password)
//	person, ok := gate.Who(token)
//	if person.Sees("high-street") { … }
//
// Nobody is ever locked out: a wrong password only makes the next try from the same address slower.
// Otherwise anybody who knows a name could keep its owner away from the page.
package people

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Role is what a person may do.
type Role string

const (
	Manager Role = "manager" // everything, at all sites
	Site    Role = "site"    // everything, at one site
	Viewer  Role = "viewer"  // whether rooms work, at all sites: no times of consultations, no notes
)

// Person is somebody who looks at the page.
type Person struct {
	Name string
	Role Role
	Site string // for the role Site; else empty
}

// Nobody is who looks at a page without accounts. Such a page can be reached from its own machine
// only, so whoever can do that may see everything.
var Nobody = Person{Name: "this computer", Role: Manager}

// Sees reports whether the person may see a site.
func (p Person) Sees(site string) bool {
	switch p.Role {
	case Manager, Viewer:
		return true
	case Site:
		return site == p.Site
	}
	return false
}

// Consultations reports whether the person may know when a room was recording.
func (p Person) Consultations() bool { return p.Role == Manager || p.Role == Site }

// Acts reports whether the person may snooze, close and note, and read notes.
func (p Person) Acts() bool { return p.Consultations() }

// Audits reports whether the person may read the audit log.
func (p Person) Audits() bool { return p.Role == Manager }

// Account is a person with a password.
type Account struct {
	Person
	Hash string // of the password; see Hash
}

// Book keeps the accounts. Its methods may be called from any goroutine.
type Book interface {
	// Account returns the account of a name. ok is false if there is none.
	Account(name string) (a Account, ok bool, err error)
	// Accounts returns all of them.
	Accounts() ([]Account, error)
}

var (
	names = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{N}._@ -]{0,62}[\p{L}\p{N}]$|^[\p{L}\p{N}]$`)
	sites = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
)

const (
	minPassword = 10   // characters
	maxPassword = 1024 // bytes
)

// NewAccount returns an account with a new password. role is manager, viewer, or site: and a site's
// id.
func NewAccount(name, role, password string) (Account, error) {
	p := Person{Name: name}
	if !names.MatchString(name) {
		return Account{}, fmt.Errorf("the name %q must be 1 to 64 letters, digits, spaces or the signs . _ @ -", name)
	}
	var site bool
	switch p.Site, site = strings.CutPrefix(role, "site:"); {
	case site && sites.MatchString(p.Site):
		p.Role = Site
	case role == string(Manager), role == string(Viewer):
		p.Role, p.Site = Role(role), ""
	default:
		return Account{}, fmt.Errorf("there is no role %q: write manager, viewer, or site: and the id of a site", role)
	}
	switch {
	case len([]rune(password)) < minPassword:
		return Account{}, fmt.Errorf("the password is too short: it needs %d characters", minPassword)
	case len(password) > maxPassword:
		return Account{}, errors.New("the password is too long")
	}
	return Account{p, Hash(password)}, nil
}
