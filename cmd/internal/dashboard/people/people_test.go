package people

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// book is a Book in memory.
type book struct {
	mu  sync.Mutex
	all map[string]Account
}

func (b *book) Account(name string) (Account, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, ok := b.all[name]
	return a, ok, nil
}

func (b *book) Accounts() (all []Account, _ error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.all {
		all = append(all, a)
	}
	return all, nil
}

func (b *book) set(t *testing.T, name, role, password string) {
	t.Helper()
	a, err := NewAccount(name, role, password)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = map[string]Account{}
	}
	b.all[name] = a
}

var (
	desk     = netip.MustParseAddr("192.0.2.7")
	attacker = netip.MustParseAddr("192.0.2.66")
)

const secret = "correct horse battery"

func TestRolesSeeWhatTheyMay(t *testing.T) {
	for _, c := range []struct {
		role                                 string
		north, south, consult, acts, auditor bool
	}{
		{"manager", true, true, true, true, true},
		{"site:north", true, false, true, true, false},
		{"viewer", true, true, false, false, false},
	} {
		a, err := NewAccount("kim", c.role, secret)
		if err != nil {
			t.Fatal(err)
		}
		got := []bool{a.Sees("north"), a.Sees("south"), a.Consultations(), a.Acts(), a.Audits()}
		want := []bool{c.north, c.south, c.consult, c.acts, c.auditor}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", c.role, got, want)
		}
	}
	if (Person{}).Sees("north") || (Person{}).Consultations() || (Person{Role: "boss"}).Sees("north") {
		t.Error("a person without a known role may see something")
	}
}

func TestBadAccountsAreRefused(t *testing.T) {
	for _, c := range [][3]string{
		{"", "manager", secret}, {"a\x1b[2Jb", "manager", secret}, {strings.Repeat("a", 65), "manager", secret},
		{"kim", "boss", secret}, {"kim", "site:", secret}, {"kim", "site:No", secret}, {"kim", "", secret},
		{"kim", "manager", "short"}, {"kim", "manager", strings.Repeat("x", 2000)},
	} {
		if _, err := NewAccount(c[0], c[1], c[2]); err == nil {
			t.Errorf("%.40q as %q is an account", c[0], c[1])
		}
	}
}

func TestHashes(t *testing.T) {
	one, two := Hash(secret), Hash(secret)
	if one == two {
		t.Error("two hashes of one password are equal: there is no salt")
	}
	if !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the hash is %s", one)
	}
	if !matches(secret, one) || matches(secret+"x", one) || matches("", one) {
		t.Error("a hash matches another password, or not its own")
	}
	for _, bad := range []string{"", "x", strings.Replace(one, "m=19456", "m=1000000", 1),
		strings.Replace(one, "t=2", "t=1000", 1), strings.Replace(one, "argon2id", "argon2i", 1), blank} {
		if matches(secret, bad) {
			t.Errorf("the password matches %s", bad)
		}
	}
}

func TestSignInAndOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		b.set(t, "kim", "site:north", secret)
		g := NewGate(b)
		token, err := g.SignIn(t.Context(), desk, "kim", secret)
		if err != nil {
			t.Fatal(err)
		}
		if p, ok := g.Who(token); !ok || p != (Person{"kim", Site, "north"}) {
			t.Errorf("the session is %+v, %v", p, ok)
		}
		if _, ok := g.Who(token + "x"); ok {
			t.Error("a made-up token is a session")
		}
		g.SignOut(token)
		if _, ok := g.Who(token); ok {
			t.Error("the session outlives signing out")
		}
	})
}

// A session ends with its password, and after a while. A new role counts at once.
func TestSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		b.set(t, "kim", "manager", secret)
		g := NewGate(b)
		enter := func() string {
			t.Helper()
			token, err := g.SignIn(t.Context(), desk, "kim", secret)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		token := enter()
		a := b.all["kim"]
		a.Role = Viewer
		b.all["kim"] = a
		if p, _ := g.Who(token); p.Role != Viewer {
			t.Errorf("after a change of role the session is that of a %s", p.Role)
		}
		b.set(t, "kim", "manager", secret)
		if _, ok := g.Who(token); ok {
			t.Error("the session outlives its password")
		}
		token = enter()
		time.Sleep(idle + time.Second)
		if _, ok := g.Who(token); ok {
			t.Error("an unused session doesn't end")
		}
		token = enter()
		for range int(longest/idle) * 3 {
			time.Sleep(idle/2 + time.Hour)
			g.Who(token)
		}
		if _, ok := g.Who(token); ok {
			t.Error("a used session never ends")
		}
		delete(b.all, "kim")
		if _, err := g.SignIn(t.Context(), desk, "kim", secret); !errors.Is(err, ErrRefused) {
			t.Errorf("without an account: %v", err)
		}
	})
}

// Guessing becomes slow, for whoever guesses and for nobody else; nobody is locked out.
func TestGuessingIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		b.set(t, "kim", "manager", secret)
		g := NewGate(b)
		began := time.Now()
		for i := range 8 {
			name := []string{"kim", "nobody"}[i%2]
			if _, err := g.SignIn(t.Context(), attacker, name, "guess"); !errors.Is(err, ErrRefused) {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 23*time.Second {
			t.Errorf("eight guesses take %v", took)
		}
		began = time.Now()
		if _, err := g.SignIn(t.Context(), desk, "kim", secret); err != nil || time.Since(began) != 0 {
			t.Errorf("from another address the right password takes %v: %v", time.Since(began), err)
		}
		if _, err := g.SignIn(t.Context(), attacker, "kim", secret); err != nil {
			t.Errorf("after wrong passwords the right one is refused: %v", err)
		}
		if took := time.Since(began); took != longestDelay {
			t.Errorf("it takes %v", took)
		}
	})
}

// An address waits for one answer at a time, and hanging up is no way around the delay.
func TestOneGuessAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		g := NewGate(b)
		for range 8 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			_, _ = g.SignIn(ctx, attacker, "kim", "guess")
			cancel()
		}
		answer := make(chan error)
		go func() {
			_, err := g.SignIn(t.Context(), attacker, "kim", "guess")
			answer <- err
		}()
		synctest.Wait()
		if _, err := g.SignIn(t.Context(), attacker, "kim", "guess"); !errors.Is(err, ErrBusy) {
			t.Errorf("a second guess at the same time: %v", err)
		}
		began := time.Now()
		if err := <-answer; !errors.Is(err, ErrRefused) || time.Since(began) != longestDelay {
			t.Errorf("the first is answered with %v after %v", err, time.Since(began))
		}
	})
}

// An attacker who has an IPv6 network has one delay, not 2^64 of them.
func TestDelaysAreForNetworks(t *testing.T) {
	a, b := netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::ffff:2")
	if network(a) != network(b) {
		t.Errorf("%s and %s wait apart", network(a), network(b))
	}
	if network(desk) == network(attacker) || network(netip.AddrFrom16(desk.As16())) != network(desk) {
		t.Error("IPv4 addresses are mixed up")
	}
}

// What the gate remembers is bounded, whoever asks.
func TestTheGateIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(&book{})
		for i := range maxSessions + 10 {
			g.keep(g.sessions, [32]byte{byte(i), byte(i >> 8)}, Account{})
			time.Sleep(time.Millisecond)
		}
		if n := len(g.sessions); n != maxSessions {
			t.Errorf("%d sessions", n)
		}
		if _, there := g.sessions[[32]byte{0, 0}]; there {
			t.Error("the oldest session is still there")
		}
		var d delays
		for i := range maxAddresses + 10 {
			d.at(network(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})))
		}
		if n := len(d.from); n != maxAddresses {
			t.Errorf("%d addresses", n)
		}
		time.Sleep(forgiven + time.Second)
		if d.at(network(desk)) == nil {
			t.Error("addresses are never forgotten")
		}
	})
}

// A program that sends its password each time costs one hash, until the account changes.
func TestProgramsPasswords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{}
		b.set(t, "meter", "viewer", secret)
		g := NewGate(b)
		for range 3 {
			if p, err := g.Password(t.Context(), desk, "meter", secret); err != nil || p.Role != Viewer {
				t.Fatalf("%+v, %v", p, err)
			}
		}
		if n := len(g.checked); n != 1 {
			t.Errorf("%d passwords are remembered", n)
		}
		b.set(t, "meter", "viewer", secret+"2")
		if _, err := g.Password(t.Context(), desk, "meter", secret); !errors.Is(err, ErrRefused) {
			t.Errorf("the old password: %v", err)
		}
	})
}
