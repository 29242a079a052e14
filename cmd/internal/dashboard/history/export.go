package history

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"tacet/cmd/internal/dashboard/practice"
)

// The formats of Export.
const (
	CSV   = "csv"
	JSONL = "jsonl"
)

// line is an entry in JSON.
type line struct {
	Site      string   `json:"site,omitempty"`
	Room      string   `json:"room,omitempty"`
	At        string   `json:"at"`
	Kind      string   `json:"kind"`
	Event     string   `json:"event_id,omitempty"`
	UnitTime  string   `json:"unit_time,omitempty"`
	Recording string   `json:"recording,omitempty"`
	Store     string   `json:"store,omitempty"`
	Seconds   *float64 `json:"seconds,omitempty"`
	Code      string   `json:"code,omitempty"`
	Count     int      `json:"count,omitempty"`
	State     string   `json:"state,omitempty"`
	From      string   `json:"from,omitempty"`
	Text      string   `json:"text,omitempty"`
}

var columns = []string{"site", "room", "at", "kind", "event_id", "unit_time", "recording", "store", "seconds", "code",
	"count", "state", "from", "text"}

// Export writes all entries, oldest first, as CSV or as JSON lines.
func (d *DB) Export(ctx context.Context, w io.Writer, format string) error {
	write, flush := jsonLines(w)
	if format == CSV {
		write, flush = csvLines(w)
	}
	err := d.each(ctx, func(e practice.Entry) error { return write(exported(e)) }, "1 ORDER BY entry.id")
	if err == nil {
		err = flush()
	}
	if err != nil {
		return fmt.Errorf("export the history: %w", err)
	}
	return nil
}

func exported(e practice.Entry) line {
	l := line{Site: e.Room.Site, Room: e.Room.Room, At: stamp(e.At), Kind: string(e.Kind), Event: e.ID,
		Recording: e.Recording, Store: e.Store, Seconds: e.Seconds, Code: string(e.Code), Count: e.Count,
		State: string(e.State), From: string(e.From), Text: e.Text}
	if !e.UnitTime.IsZero() {
		l.UnitTime = stamp(e.UnitTime)
	}
	return l
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func jsonLines(w io.Writer) (write func(line) error, flush func() error) {
	e := json.NewEncoder(w)
	return func(l line) error { return e.Encode(l) }, func() error { return nil }
}

func csvLines(w io.Writer) (write func(line) error, flush func() error) {
	c := csv.NewWriter(w)
	started := false
	start := func() error {
		if started {
			return nil
		}
		started = true
		return c.Write(columns)
	}
	write = func(l line) error {
		if err := start(); err != nil {
			return err
		}
		seconds, count := "", ""
		if l.Seconds != nil {
			seconds = strconv.FormatFloat(*l.Seconds, 'f', -1, 64)
		}
		if l.Count != 0 {
			count = strconv.Itoa(l.Count)
		}
		fields := []string{l.Site, l.Room, l.At, l.Kind, l.Event, l.UnitTime, l.Recording, l.Store, seconds, l.Code, count,
			l.State, l.From, l.Text}
		for i := range fields {
			fields[i] = plain(fields[i])
		}
		return c.Write(fields)
	}
	flush = func() error {
		if err := start(); err != nil {
			return err
		}
		c.Flush()
		return c.Error()
	}
	return write, flush
}

// plain keeps a spreadsheet from taking a text for a formula: what a unit sends is not trusted.
func plain(s string) string {
	if s != "" && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@') {
		return "'" + s
	}
	return s
}
