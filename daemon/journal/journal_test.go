package journal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/slogtest"
	"testing/synctest"
	"time"

	"tacet/daemon/journal"
)

// pipe receives the log. While it is held, writes block.
type pipe struct {
	reading held
	mu      sync.Mutex // guards what was written
	written bytes.Buffer
}

func (p *pipe) Write(b []byte) (int, error) {
	p.reading.Lock()
	defer p.reading.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.written.Write(b)
}

// lines returns what was written, without times.
func (p *pipe) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Split(strings.TrimSpace(p.written.String()), "\n")
}

// held is a lock that does not stop the bubble's clock.
type held chan struct{}

func (h held) Lock()   { h <- struct{}{} }
func (h held) Unlock() { <-h }

func start() (*pipe, *journal.Handler) {
	p := &pipe{reading: make(held, 1)}
	return p, journal.New(slog.NewTextHandler(p,
		&slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
}

func flush(t *testing.T, j *journal.Handler) {
	t.Helper()
	if err := j.Flush(journal.Patience); err != nil {
		t.Error(err)
	}
}

func TestHandlerContract(t *testing.T) {
	var out bytes.Buffer
	var j *journal.Handler
	slogtest.Run(t, func(*testing.T) slog.Handler {
		out.Reset()
		j = journal.New(slog.NewJSONHandler(&out, nil))
		return j
	}, func(t *testing.T) map[string]any {
		flush(t, j)
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil {
			t.Fatal(err)
		}
		return line
	})
}

// Nobody reads while the program logs. The test is that Handle returns at all: in the bubble a wait
// would be a deadlock. The lost lines are counted exactly.
func TestNobodyReads(t *testing.T) {
	for _, text := range []int{10, 500, 2000, 20_000} {
		synctest.Test(t, func(t *testing.T) {
			p, j := start()
			log := slog.New(j)
			p.reading.Lock()
			const logged = 3000
			for i := range logged { // 200 kinds, 5 of each in a minute
				log.Info(fmt.Sprint("kind ", i%200), "line", i, "pad", strings.Repeat("x", text))
				if i%1000 == 999 {
					<-time.After(2 * time.Minute)
				}
			}
			if err := j.Flush(time.Second); err == nil || !strings.Contains(err.Error(), "3000 lines") {
				t.Errorf("flush: %v", err)
			}
			p.reading.Unlock()
			flush(t, j)
			lines := p.lines()
			var lost int
			if _, err := fmt.Sscanf(lines[len(lines)-1],
				`level=WARN msg="log lines were lost: there was no room for them" lines=%d`, &lost); err != nil {
				t.Fatalf("%v, in %s", err, lines[len(lines)-1])
			}
			written := len(lines) - 1
			if written+lost != logged {
				t.Errorf("%d written and %d lost of %d", written, lost, logged)
			}
			size := 0
			for i, line := range lines[:written] {
				size += len(line)
				if !strings.Contains(line, fmt.Sprintf("line=%d ", i)) {
					t.Fatalf("line %d is %.60s", i, line)
				}
			}
			if written > 1000 || size > 300_000 || written < 900 && size < 180_000 {
				t.Errorf("%d lines of %d bytes in all were queued", written, size)
			}
		})
	}
}

// The line about lost ones is in their place.
func TestLossIsSaidInItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, j := start()
		log := slog.New(j)
		for range 3 {
			p.reading.Lock()
			for i := range 1200 {
				log.Info(fmt.Sprint("before ", i%240), "n", i)
			}
			p.reading.Unlock()
			synctest.Wait()
			log.Info("after")
			flush(t, j)
			lines := p.lines()
			if n := len(lines); !strings.HasPrefix(lines[n-2], "level=WARN msg=\"log lines were lost") ||
				lines[n-1] != "level=INFO msg=after" {
				t.Errorf("it ends with %v", lines[n-3:])
			}
			<-time.After(time.Hour)
		}
	})
}

// Neither a slow reader nor one that has gone delays a process beyond the limit.
func TestFlushEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, j := start()
		flush(t, j) // there is nothing
		p.reading.Lock()
		slog.New(j).Error("the last words")
		start := time.Now()
		for range 3 {
			if err := j.Flush(journal.Patience); err == nil {
				t.Error("it says that it wrote what nobody took")
			}
		}
		if d := time.Since(start); d != 3*journal.Patience {
			t.Errorf("it waited for %v", d)
		}
		time.AfterFunc(journal.Patience/2, p.reading.Unlock)
		flush(t, j)
		if got := p.lines(); len(got) != 1 || !strings.Contains(got[0], "the last words") {
			t.Errorf("written: %v", got)
		}
	})
}

// changing is a value that changes each time it is read.
type changing struct{ n int }

func (c *changing) Error() string                { c.n++; return fmt.Sprint("error ", c.n) }
func (c *changing) LogValue() slog.Value         { return slog.AnyValue(struct{ N *int }{&c.n}) }
func (c *changing) MarshalText() ([]byte, error) { c.n++; return fmt.Append(nil, "text ", c.n), nil }

// text is a changing value without LogValue and Error.
type text struct{ c *changing }

func (x text) MarshalText() ([]byte, error) { return x.c.MarshalText() }

type plain struct{ Words []string }

// A line has the values of the time at which it was logged, as slog's handler would have written
// them then.
func TestValuesAreThoseOfTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, j := start()
		var direct bytes.Buffer
		now := func(log *slog.Logger) func() {
			err, words, raw := &changing{}, []string{"a", "b"}, []byte("raw")
			deep := &plain{[]string{"c"}}
			var none *changing
			log.With("with", text{err}, slog.Group("g", "words", words)).WithGroup("h").Info("now", "err", errors.Join(err),
				"text", text{err},
				"words", words, "raw", raw, "deep", deep, slog.Group("in", "deep", deep, "raw", raw), "nil", nil, "nil error",
				error(nil),
				"panics", text{none}, "number", 7, "at", time.Unix(1, 2), "took", time.Second, "yes", true)
			return func() { err.n, words[0], raw[0], deep.Words[0] = 100, "later", 'X', "later" }
		}
		now(slog.New(slog.NewTextHandler(&direct, nil)))()
		p.reading.Lock()
		now(slog.New(j))()
		p.reading.Unlock()
		flush(t, j)
		_, want, _ := strings.Cut(strings.TrimSpace(direct.String()), " ")
		if got := p.lines()[0]; got != want {
			t.Errorf("written:\n%s\nlogged:\n%s", got, want)
		}
	})
}

// A very long text does not fill the queue.
func TestLongTextIsCut(t *testing.T) {
	p, j := start()
	slog.New(j).Info("é"+strings.Repeat("€", 1e6), "err", errors.New(strings.Repeat("€", 1e6)))
	flush(t, j)
	if got := p.lines()[0]; len(got) > 5000 || strings.Count(got, "€…") != 2 {
		t.Errorf("%d bytes: %.80s", len(got), got)
	}
}

// Two Handlers in a row share one queue and one count.
func TestWrappedOnce(t *testing.T) {
	_, j := start()
	for _, h := range []slog.Handler{j, j.WithAttrs([]slog.Attr{slog.Int("a", 1)}), j.WithGroup("g")} {
		if got := journal.New(h); got != h {
			t.Errorf("%v is wrapped again", h)
		}
	}
}

// With concurrent loggers each line is written once or counted.
func TestEveryLineIsAccountedFor(t *testing.T) {
	var mu sync.Mutex
	seen := 0
	j := journal.New(counting{func(r slog.Record) {
		mu.Lock()
		defer mu.Unlock()
		more := 1
		if _, err := fmt.Sscanf(r.Message, "tick (… %d more", &more); err != nil &&
			strings.HasPrefix(r.Message, "log lines") {
			r.Attrs(func(a slog.Attr) bool { more = int(a.Value.Int64()); return true })
		}
		seen += more
	}})
	var all sync.WaitGroup
	for g := range 8 {
		log := slog.New(j).With("code", fmt.Sprint(g%3))
		all.Go(func() {
			for i := range 2000 {
				if i%2 == 0 {
					log.Info("tick")
				} else {
					log.Info(fmt.Sprint("t", g, i))
				}
			}
		})
	}
	all.Wait()
	flush(t, j)
	if seen != 8*2000 {
		t.Errorf("%d lines of %d are accounted for", seen, 8*2000)
	}
}

// counting is a handler that reads only messages.
type counting struct{ line func(slog.Record) }

func (c counting) Enabled(context.Context, slog.Level) bool      { return true }
func (c counting) Handle(_ context.Context, r slog.Record) error { c.line(r); return nil }
func (c counting) WithAttrs([]slog.Attr) slog.Handler            { return c }
func (c counting) WithGroup(string) slog.Handler                 { return c }
func matching(lines []string, of string) (n int) {
	for _, l := range lines {
		if strings.Contains(l, of) {
			n++
		}
	}
	return n
}
