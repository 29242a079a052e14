package post

import (
	"slices"
	"time"

	"tacet/cmd/internal/dashboard/notice"
)

// plan is what is to be added to a channel's queue once it is stored.
type plan struct {
	box     *box
	keys    []string
	letters []letter
	full    string // see box
	left    int
}

// plan makes a letter for each channel that gets a message.
func (p *Office) plan(messages []notice.Message, now time.Time) (plans []*plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.boxes {
		plan := &plan{box: b, full: b.full, left: b.left}
		for _, m := range messages {
			if m.For(b.To) {
				p.add(plan, m, now)
			}
		}
		if len(plan.keys) > 0 {
			plans = append(plans, plan)
		}
	}
	return plans
}

// add adds a letter. If the queue is full, the letter counts the messages that had no space. One
// that is still at the end of the queue is replaced: it is far from being sent.
func (p *Office) add(plan *plan, m notice.Message, now time.Time) {
	waiting := slices.Concat(plan.box.keys, plan.keys)
	n := len(waiting)
	if n < p.o.Queue {
		p.number++
		plan.put(letterKey(plan.box.Name, p.number), letter{Message: m})
		return
	}
	if n < 2 || waiting[n-1] != plan.full {
		p.number++
		plan.full, plan.left = letterKey(plan.box.Name, p.number), 0
	}
	plan.left++
	plan.put(plan.full, leftOut(m.ID, plan.left, now))
}

func (p *plan) put(key string, l letter) {
	if n := len(p.keys); n > 0 && p.keys[n-1] == key {
		p.letters[n-1] = l
		return
	}
	p.keys, p.letters = append(p.keys, key), append(p.letters, l)
}

// carryOut puts the letters into the queue, after they were stored.
func (p *plan) carryOut() {
	for _, key := range p.keys {
		if n := len(p.box.keys); n == 0 || p.box.keys[n-1] != key {
			p.box.keys = append(p.box.keys, key)
		}
	}
	p.box.full, p.box.left = p.full, p.left
}
