package page

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"tacet/cmd/internal/dashboard/practice"
)

// days is how far back a room's page looks.
const days = 30

// maxLength is the longest recording that is believed; a longer one is drawn with this length.
const maxLength = 12 * time.Hour

// timeline is what happened in a room on each of the last days: lengths, never content.
type timeline struct {
	Days          []day // today first
	Consultations bool
	Height        int // of the picture, in its own units: minutes across, rows down
	Summary       string
}

// day is one row of a timeline.
type day struct {
	Name, Long   string
	Y, Mid       int
	Weekend      bool
	Bars         []bar
	Recordings   int
	Recorded     string
	HandFor      string
	SilentFor    string
	hand, silent time.Duration
	recorded     time.Duration
}

// bar is a stretch of a day, in minutes since midnight.
type bar struct {
	Kind       string // recording, hand or silent
	X, Y, W, H int
}

// stretch is a time during which something was so.
type stretch struct {
	kind     string
	from, to time.Time
}

// Canvas is the height of the picture with its head.
func (t timeline) Canvas() int { return t.Height + 30 }

// hour is a line across the picture.
type hour struct {
	X    int
	Name string
}

// Hours are the lines across the picture.
func (timeline) Hours() []hour {
	return []hour{{0, "0:00"}, {360, "6:00"}, {720, "12:00"}, {1080, "18:00"}, {1440, "24:00"}}
}

// rowHeight is the height of a day's row, in the picture's units.
const rowHeight = 26

// timeline draws the last days from the room's history, oldest line first.
func (p *Page) timeline(entries []practice.Entry, r room, now time.Time) timeline {
	t := timeline{Consultations: r.Consultations, Height: days * rowHeight}
	all := stretches(entries, r, now)
	local := now.In(p.Location)
	recordings, recorded := 0, time.Duration(0)
	for i := range days {
		from := time.Date(local.Year(), local.Month(), local.Day()-i, 0, 0, 0, 0, p.Location)
		to := time.Date(local.Year(), local.Month(), local.Day()-i+1, 0, 0, 0, 0, p.Location)
		d := day{Name: from.Format("Mon 2"), Long: from.Format("Monday 2 January"), Y: i * rowHeight, Mid: i*rowHeight + 17,
			Weekend: from.Weekday() == time.Saturday || from.Weekday() == time.Sunday}
		for _, s := range all {
			d.draw(s, from, to)
		}
		d.Recorded, d.HandFor, d.SilentFor = lasted(d.recorded), lasted(d.hand), lasted(d.silent)
		recordings += d.Recordings
		recorded += d.recorded
		t.Days = append(t.Days, d)
	}
	t.Summary = fmt.Sprintf("The last %d days, a row for each day, today at the top.", days)
	if r.Consultations {
		t.Summary += fmt.Sprintf(" %d %s, %s in all.", recordings, plural(recordings, "recording", "recordings"),
			span(recorded))
	}
	return t
}

func lasted(d time.Duration) string {
	if d == 0 {
		return "–"
	}
	return span(d)
}

// draw adds the part of a stretch that lies in the day.
func (d *day) draw(s stretch, from, to time.Time) {
	begins := !s.from.Before(from) && s.from.Before(to)
	a, b := later(s.from, from), earlier(s.to, to)
	if !b.After(a) && !begins {
		return
	}
	whole := to.Sub(from) // 23 or 25 hours when the clocks change
	x := int(a.Sub(from) * 1440 / whole)
	w := max(int(b.Sub(from)*1440/whole)-x, 3) // what is short must still be seen
	mark := bar{Kind: s.kind, X: min(x, 1440-w), Y: d.Y + 4, W: w, H: rowHeight - 8}
	switch s.kind {
	case "recording":
		d.recorded += b.Sub(a)
		if begins {
			d.Recordings++
		}
	case "hand":
		d.hand += b.Sub(a)
		mark.Y, mark.H = d.Y+rowHeight-9, 5
	case "silent":
		d.silent += b.Sub(a)
	}
	d.Bars = append(d.Bars, mark)
}

// stretches are the times of recordings, faults and silences, in the order in which they are drawn.
func stretches(entries []practice.Entry, r room, now time.Time) []stretch {
	all := append(stateStretches(entries, r, now), recordingStretches(entries, r, now)...)
	slices.SortStableFunc(all, func(a, b stretch) int { return cmp.Compare(layer[a.kind], layer[b.kind]) })
	return all
}

var layer = map[string]int{"silent": 0, "recording": 1, "hand": 2}

// stateStretches are the times in which the room needed a hand or was silent.
func stateStretches(entries []practice.Entry, r room, now time.Time) (all []stretch) {
	var open *stretch
	end := func(at time.Time) {
		if open != nil && at.After(open.from) {
			open.to = at
			all = append(all, *open)
		}
		open = nil
	}
	for _, e := range entries {
		if e.Kind != practice.Moved {
			continue
		}
		if open == nil && len(all) == 0 && (e.From == practice.Hand || e.From == practice.Silent) {
			open = &stretch{kind: string(e.From), from: now.Add(-days * 24 * time.Hour)} // it was so before
		}
		end(e.At)
		if e.State == practice.Hand || e.State == practice.Silent {
			open = &stretch{kind: string(e.State), from: e.At}
		}
	}
	if open == nil && (r.State == practice.Hand || r.State == practice.Silent) && !r.Since.IsZero() {
		open = &stretch{kind: string(r.State), from: r.Since}
	}
	end(now)
	return all
}

// recordingStretches are the recordings, from when each started to when it ended. If one of the two
// was missed, the other and the length tell.
func recordingStretches(entries []practice.Entry, r room, now time.Time) (all []stretch) {
	if !r.Consultations {
		return nil
	}
	started := map[string]time.Time{}
	for _, e := range entries {
		switch at := when(e); e.Kind {
		case practice.Started:
			started[e.Recording] = at
		case practice.Ended:
			from, known := started[e.Recording]
			delete(started, e.Recording)
			if e.Seconds != nil && *e.Seconds >= 0 && *e.Seconds <= maxLength.Seconds() {
				from = at.Add(-time.Duration(*e.Seconds * float64(time.Second)))
			} else if !known {
				from = at
			}
			all = append(all, stretch{"recording", later(from, at.Add(-maxLength)), at})
		}
	}
	for _, from := range started {
		to := from // its end was missed, so its length is not known
		if r.State == practice.Recording && !from.Before(r.Since.Add(-time.Minute)) {
			to = earlier(now, from.Add(maxLength))
		}
		all = append(all, stretch{"recording", from, to})
	}
	slices.SortFunc(all, func(a, b stretch) int { return a.from.Compare(b.from) })
	return all
}

// when is when something happened: by the unit's clock, because an event may wait for the network,
// unless that clock is plainly wrong.
func when(e practice.Entry) time.Time {
	if late := e.At.Sub(e.UnitTime); !e.UnitTime.IsZero() && late > -time.Minute && late < 7*24*time.Hour {
		return e.UnitTime
	}
	return e.At
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
