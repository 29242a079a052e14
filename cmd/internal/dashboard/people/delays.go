package people

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

const (
	firstDelay   = 250 * time.Millisecond
	longestDelay = 8 * time.Second
	forgiven     = 15 * time.Minute // after the last wrong password
	maxAddresses = 10_000
)

// delays makes those wait who have sent wrong passwords, by their address. The zero value is ready.
type delays struct {
	mu   sync.Mutex
	from map[netip.Prefix]*tries
}

// tries is what an address has done.
type tries struct {
	wrong  int
	last   time.Time
	asking bool // it is waiting or being checked: one at a time
}

// wait waits as long as the address has to. done says whether the password was right.
func (d *delays) wait(ctx context.Context, from netip.Addr) (done func(right bool), err error) {
	at := network(from)
	d.mu.Lock()
	t := d.at(at)
	if t == nil || t.asking {
		d.mu.Unlock()
		return nil, ErrBusy
	}
	t.asking = true
	delay := t.delay()
	d.mu.Unlock()
	done = func(right bool) {
		d.mu.Lock()
		defer d.mu.Unlock()
		t.asking, t.last = false, time.Now()
		if t.wrong++; right {
			delete(d.from, at)
		}
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return done, nil
	case <-ctx.Done():
		// Whoever hangs up has used up a try, or hanging up would be a way around the delay.
		done(false)
		return nil, ctx.Err()
	}
}

// at returns what an address has done, or nil if too many addresses are asking.
func (d *delays) at(from netip.Prefix) *tries {
	now := time.Now()
	if t := d.from[from]; t != nil {
		if !t.asking && now.Sub(t.last) > forgiven {
			t.wrong = 0
		}
		return t
	}
	if d.from == nil {
		d.from = map[netip.Prefix]*tries{}
	}
	if len(d.from) >= maxAddresses {
		for p, t := range d.from {
			if !t.asking && now.Sub(t.last) > forgiven {
				delete(d.from, p)
			}
		}
	}
	if len(d.from) >= maxAddresses {
		return nil
	}
	t := &tries{last: now}
	d.from[from] = t
	return t
}

// delay doubles with each wrong password, up to a limit that a person can bear.
func (t *tries) delay() time.Duration {
	if t.wrong == 0 {
		return 0
	}
	return min(firstDelay<<min(t.wrong-1, 10), longestDelay)
}

// network is what one attacker has: an IPv4 address, or an IPv6 network of 2^64 addresses.
func network(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
