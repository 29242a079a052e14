package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Progress shows, in one line of a terminal, how far long work has come. It belongs to one
// goroutine. It is a Writer that counts, so that it can stand behind io.TeeReader or
// io.MultiWriter.
type Progress struct {
	out   io.Writer // nil: shows nothing
	label string
	total int64 // in bytes; 0: unknown
	done  int64
	next  time.Time // when the line is written next
	width int       // of the line that stands there
}

// between is how often the line is written: often enough to look alive, and too seldom to cost
// anything.
const between = 200 * time.Millisecond

// Progress begins to show work of total bytes; 0 where nobody knows. Work that is over at once
// shows nothing.
func (env *Env) Progress(label string, total int64) *Progress {
	p := &Progress{label: Clean(label), total: total, next: time.Now().Add(between)}
	if env.Terminal {
		p.out = env.Stderr
	}
	return p
}

// Write counts.
func (p *Progress) Write(b []byte) (int, error) {
	p.Add(int64(len(b)))
	return len(b), nil
}

// Add counts n bytes more.
func (p *Progress) Add(n int64) {
	p.done += n
	if p.out == nil {
		return
	}
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(between)
		p.line(p.text())
	}
}

// Done takes the line away.
func (p *Progress) Done() {
	if p.width > 0 {
		p.line("")
		fmt.Fprint(p.out, "\r")
		p.width = 0
	}
}

func (p *Progress) text() string {
	if p.total > 0 {
		return fmt.Sprintf("%s: %d %% of %s", p.label, min(100, p.done*100/p.total), size(p.total))
	}
	return fmt.Sprintf("%s: %s", p.label, size(p.done))
}

// line writes over what stands there, with blanks where that was longer.
func (p *Progress) line(text string) {
	width := utf8.RuneCountInString(text)
	fmt.Fprint(p.out, "\r"+text+strings.Repeat(" ", max(0, p.width-width)))
	p.width = width
}

func size(bytes int64) string {
	if bytes < 1e6 {
		return fmt.Sprintf("%d kB", bytes/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
