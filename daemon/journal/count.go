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
	mostSame = 5   // lines a minute of one message
	mostText = 60  // lines a minute of one level and text, whatever they are about
	maxKinds = 256 // messages told apart in a minute
)

// count is of one message, in the minute since it first came.
type count struct {
	key   string
	since time.Time
	lines int         // that were passed on
	more  int         // that were not
	last  line        // of those
	timer *time.Timer // says so at the end of the minute; nil: there is nothing to say
}

// log queues a line, or only counts it where it repeats.
func (q *queue) log(l line, about string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	text := fmt.Sprintf("%d %s", l.record.Level, l.record.Message)
	switch {
	case l.bytes > maxLine:
		q.put(l) // which loses it
	case about == "":
		q.pass(now, l, q.count(now, text))
	default:
		const sep = "\x00"
		whole := q.count(now, text+sep)
		if one := text + sep + about; whole.lines < mostText || q.counts[one] != nil {
			q.pass(now, l, q.count(now, one), whole)
		} else {
			q.hold(now, l, whole)
		}
	}
}

// pass queues a line, unless there were enough of one, or of the whole that it is of. The caller
// holds the lock.
func (q *queue) pass(now time.Time, l line, one *count, whole ...*count) {
	if one.lines >= mostSame {
		q.hold(now, l, one)
		return
	}
	for _, w := range whole {
		if w.lines >= mostText {
			q.hold(now, l, w)
			return
		}
		w.lines++
	}
	one.lines++
	q.put(l)
}

// hold only counts a line. The caller holds the lock.
func (q *queue) hold(now time.Time, l line, c *count) {
	c.more++
	c.last = l
	if c.timer == nil {
		c.timer = time.AfterFunc(c.since.Add(minute).Sub(now), func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.sayCount(c)
		})
	}
}

// count is that of a key in its minute. The caller holds the lock.
func (q *queue) count(now time.Time, key string) *count {
	over := func(c *count) bool { return now.Sub(c.since) >= minute }
	if c := q.counts[key]; c != nil && over(c) {
		q.sayCount(c)
	}
	if q.counts[key] == nil && len(q.counts) >= maxKinds {
		for _, c := range q.counts {
			if over(c) {
				q.sayCount(c)
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

// theRest is the key of all messages that can't be told apart any more; no other is empty.
const theRest = ""

// sayCount ends a count, and says what was not passed on. The caller holds the lock.
func (q *queue) sayCount(c *count) {
	if q.counts[c.key] != c {
		return // it was said meanwhile
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

// sayCounts ends all counts, the oldest first. The caller holds the lock.
func (q *queue) sayCounts() {
	all := slices.SortedFunc(maps.Values(q.counts), func(a, b *count) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.key, b.key))
	})
	for _, c := range all {
		q.sayCount(c)
	}
}

// isAbout says whether an attribute tells messages apart.
func isAbout(a slog.Attr) bool {
	switch a.Key {
	case "code", "store", "recording", "file", "device", "problem":
		return true
	}
	return false
}
