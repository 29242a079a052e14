package journal_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A repeated line is written five times per minute, and then counted.
func TestRepeatedLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, j := start()
		log := slog.New(j)
		for i := range 21 {
			log.Warn("samples lost", "device", "hw:0", "times", i+1)
			<-time.After(200 * time.Millisecond)
		}
		synctest.Wait()
		if n := len(p.lines()); n != 5 {
			t.Errorf("%d lines at once, want 5", n)
		}
		<-time.After(time.Minute)
		synctest.Wait()
		want := `level=WARN msg="samples lost (… 16 more of these in the last minute)" device=hw:0 times=21`
		if got := p.lines(); len(got) != 6 || got[5] != want {
			t.Errorf("after the minute:\n%s\nwant:\n%s", strings.Join(got, "\n"), want)
		}
		<-time.After(time.Hour)
		log.Warn("samples lost", "device", "hw:0", "times", 22)
		flush(t, j)
		if got := p.lines(); len(got) != 7 || !strings.HasSuffix(got[6], "times=22") {
			t.Errorf("an hour later: %v", got)
		}
	})
}

// It remains at six lines per minute, for any time.
func TestRepeatedForAnHour(t *testing.T) {
	for _, every := range []time.Duration{time.Millisecond * 100, time.Second, 11 * time.Second, 12 * time.Second,
		13 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			p, j := start()
			sent := 0
			for start := time.Now(); time.Since(start) < time.Hour; sent++ {
				slog.New(j).Info("again")
				<-time.After(every)
			}
			flush(t, j)
			lines := p.lines()
			if len(lines) > 6*61 || len(lines) < min(sent, 5*60) {
				t.Errorf("every %v: %d lines of %d", every, len(lines), sent)
			}
			all := 0
			for _, l := range lines {
				more := 1
				fmt.Sscanf(l, `level=INFO msg="again (… %d more`, &more)
				all += more
			}
			if all != sent {
				t.Errorf("every %v: %d are accounted for, of %d", every, all, sent)
			}
		})
	}
}

// Level, text and subject identify a message; other attributes do not.
func TestWhatIsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for what, same := range map[string]struct {
			line func(log *slog.Logger, i int)
			same bool
		}{
			"level":     {func(l *slog.Logger, i int) { l.Log(t.Context(), slog.Level(i%20), "a line") }, false},
			"text":      {func(l *slog.Logger, i int) { l.Info(fmt.Sprint("a line ", i)) }, false},
			"code":      {func(l *slog.Logger, i int) { l.Info("a line", "code", i) }, false},
			"store":     {func(l *slog.Logger, i int) { l.Info("a line", "store", i) }, false},
			"recording": {func(l *slog.Logger, i int) { l.With("recording", i).Info("a line") }, false},
			"file":      {func(l *slog.Logger, i int) { l.WithGroup("g").Info("a line", "file", i) }, false},
			"device":    {func(l *slog.Logger, i int) { l.Info("a line", slog.Group("g", "device", i)) }, false},
			"problem":   {func(l *slog.Logger, i int) { l.Info("a line", "problem", i) }, false},
			"err":       {func(l *slog.Logger, i int) { l.Info("a line", "err", i) }, true},
			"times":     {func(l *slog.Logger, i int) { l.With("times", i).Info("a line") }, true},
		} {
			p, j := start()
			for i := range 20 {
				same.line(slog.New(j), i)
			}
			synctest.Wait()
			if n := len(p.lines()); n != 20 && !same.same || n != 5 && same.same {
				t.Errorf("%d lines that differ in their %s are written, of 20", n, what)
			}
		}
	})
}

// A message with a new subject each time is limited too, and so is a log of completely different
// lines.
func TestEndlessVariety(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, j := start()
		for i := range 500 {
			slog.New(j).Info("removed", "file", i)
		}
		flush(t, j)
		if n := matching(p.lines(), "msg=removed "); n != 60 {
			t.Errorf("%d lines of one text are written, want 60", n)
		}
		if got := p.lines(); !strings.Contains(got[len(got)-1], "(… 440 more") {
			t.Errorf("it ends with %s", got[len(got)-1])
		}

		p, j = start()
		for i := range 10_000 {
			slog.New(j).Info(fmt.Sprint("text ", i))
		}
		synctest.Wait()
		if n := len(p.lines()); n < 256 || n > 261 {
			t.Errorf("%d lines of 10000 different ones are written", n)
		}
		<-time.After(2 * time.Minute)
		slog.New(j).Info("another minute")
		flush(t, j)
		if n := matching(p.lines(), "another minute"); n != 1 {
			t.Error("nothing is written any more")
		}
	})
}

// Flush reports what was only counted.
func TestFlushSaysWhatWasCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, j := start()
		for i := range 9 {
			slog.New(j).Info("one", "n", i)
			slog.New(j).Info("two", "n", i)
		}
		flush(t, j)
		got := p.lines()
		if len(got) != 12 || !strings.Contains(got[10], `"one (… 4 more of these in the last minute)" n=8`) ||
			!strings.Contains(got[11], `"two (… 4 more`) {
			t.Errorf("written:\n%s", strings.Join(got, "\n"))
		}
		<-time.After(time.Hour)
		synctest.Wait()
		if n := len(p.lines()); n != 12 {
			t.Errorf("it is reported twice: %v", p.lines()[12:])
		}
	})
}
