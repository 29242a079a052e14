package cli

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// Progress shows, in one line of a terminal, how far a long operation has come. It belongs to one
// goroutine. It is a Writer that counts, for io.TeeReader and io.MultiWriter.
type Progress struct {
	out   io.Writer // nil to show nothing
	label string
	total int64 // in bytes; 0 if unknown
	done  int64
	next  time.Time // of the next update
	width int       // of the present line
}

// interval is the time interval updates: short enough to look alive, and long enough to cost
// nothing.
const interval = 200 * time.Millisecond

// Progress shows the progress of an operation on total bytes, or 0 if unknown. A short operation
// shows nothing.
func (env *Env) Progress(label string, total int64) *Progress {
	p := &Progress{label: Clean(label), total: total, next: time.Now().Add(interval)}
	if env.Terminal {
		p.out = env.Stderr
	}
	return p
}

func (p *Progress) Write(b []byte) (int, error) {
	p.Add(int64(len(b)))
	return len(b), nil
}

// Add counts n more bytes.
func (p *Progress) Add(n int64) {
	p.done += n
	if p.out == nil {
		return
	}
	if now := time.Now(); now.After(p.next) {
		p.next = now.Add(interval)
		p.line(p.text())
	}
}

// Show shows a text of the program's own instead, at once.
func (p *Progress) Show(text string) {
	if p.out != nil {
		p.line(Clean(text))
	}
}

// Done removes the line.
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

// line overwrites the present line, with blanks if that was longer.
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
