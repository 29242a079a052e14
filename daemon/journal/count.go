package journal

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
)

const (
	minute   = time.Minute
	mostSame = 5   // lines per minute of one message
	mostText = 60  // lines per minute of one level and text
	maxKinds = 256 // different messages per minute
)

// count counts one message in the minute after its first line.
type count struct {
	key   string
	since time.Time
	lines int         // written
	more  int         // suppressed
	last  line        // the last suppressed line
	timer *time.Timer // reports them at the end of the minute; nil if there are none
}

// log queues a line, or suppresses it if it repeats.
func (q *queue) log(l line, about string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	text := fmt.Sprintf("%d %s", l.record.Level, l.record.Message)
	switch {
	case l.bytes > maxLine:
		q.put(l) // which drops it
	case about == "":
		q.pass(now, l, q.count(now, text))
	default:
		const sep = "\x00"
		whole := q.count(now, text+sep)
		if one := text + sep + about; whole.lines < mostText || q.counts[one] != nil {
			q.pass(now, l, q.count(now, one), whole)
		} else {
			q.suppress(now, l, whole)
		}
	}
}

// pass queues a line, unless its message, or its level and text, is at the limit. The caller holds
// the lock.
func (q *queue) pass(now time.Time, l line, one *count, whole ...*count) {
	if one.lines >= mostSame {
		q.suppress(now, l, one)
		return
	}
	for _, w := range whole {
		if w.lines >= mostText {
			q.suppress(now, l, w)
			return
		}
		w.lines++
	}
	one.lines++
	q.put(l)
}

// suppress counts a line without queueing it. The caller holds the lock.
func (q *queue) suppress(now time.Time, l line, c *count) {
	c.more++
	c.last = l
	if c.timer == nil {
		c.timer = time.AfterFunc(c.since.Add(minute).Sub(now), func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.endCount(c)
		})
	}
}

// count returns the count of a key in its minute. The caller holds the lock.
func (q *queue) count(now time.Time, key string) *count {
	over := func(c *count) bool { return now.Sub(c.since) >= minute }
	if c := q.counts[key]; c != nil && over(c) {
		q.endCount(c)
	}
	if q.counts[key] == nil && len(q.counts) >= maxKinds {
		for _, c := range q.counts {
			if over(c) {
				q.endCount(c)
			}
		}
		if len(q.counts) >= maxKinds {
			key = theRest
		}
	}
	if q.counts[key] == nil {
		q.counts[key] = &count{key: key, since: now}
	}
	return q.counts[key]
}

// theRest is the key of all messages beyond maxKinds. No other key is empty.
const theRest = ""

// endCount ends a count and queues a line about suppressed ones. The caller holds the lock.
func (q *queue) endCount(c *count) {
	if q.counts[c.key] != c {
		return // it has ended already
	}
	delete(q.counts, c.key)
	if c.more == 0 {
		return
	}
	c.timer.Stop()
	l, r := c.last, c.last.record
	if c.key == theRest {
		l.to = q.root
		r = slog.NewRecord(r.Time, slog.LevelWarn,
			fmt.Sprintf("log lines were left out: more than %d kinds came in a minute", maxKinds), 0)
		r.Add("lines", c.more)
	} else {
		r.Message += fmt.Sprintf(" (… %d more of these in the last minute)", c.more)
	}
	if !r.Time.IsZero() {
		r.Time = time.Now()
	}
	l.record, l.lines = r, c.more
	l.bytes = min(l.bytes+lineBytes, maxLine)
	q.put(l)
}

// endCounts ends all counts, the oldest first. The caller holds the lock.
func (q *queue) endCounts() {
	all := slices.SortedFunc(maps.Values(q.counts), func(a, b *count) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.key, b.key))
	})
	for _, c := range all {
		q.endCount(c)
	}
}

// isAbout reports whether an attribute distinguishes messages.
func isAbout(a slog.Attr) bool {
	switch a.Key {
	case "code", "store", "recording", "file", "device", "problem":
		return true
	}
	return false
}
