// Package hwtest simulates GPIO for tests: a Board that behaves like the kernel's character device,
// including its quirks, so that package hw can run on it.
//
//	b := hwtest.NewBoard("GPIO5", "GPIO27")
//	panel, err := hw.OpenOn(b, hw.Wiring{Buttons: …"GPIO5", Light: …"GPIO27"})
//	b.Drive("GPIO5", gpio.Low)  // press
//	b.Float("GPIO5")            // release: the pull that hw requested raises the line
//	b.Level("GPIO27")           // what the light does
//	b.Fail("GPIO5", hwtest.Read, syscall.EIO)
//
// It uses only time.Now and timers, so it works in a testing/synctest bubble in which it was made.
// The conformance test in hw runs on it and on the kernel's gpio-sim, whose lines Sim drives.
//
// Its behaviour follows Linux's drivers/gpio/gpiolib-cdev.c, which the conformance test verifies:
//
//   - Each line has a queue of the requested length, at most hw.QueueLength. When it is full the
//     oldest edge is dropped (kfifo_skip) without any notice.
//   - Edges are queued from the request on, whether anybody waits or not, and numbered from 1 for
//     each line. A dropped edge keeps its number. A missed interrupt has none.
//   - An edge has the time of its interrupt. The interrupt's thread queues it, possibly later, with
//     the level that the thread reads: two edges with the same level are two changes, one of which
//     was too short. Edge makes such an edge; Lag delays the thread.
//   - Take returns at once. Wait takes nothing.
//   - A line can be held once; a second request fails until Close.
//   - The request of an output drives it low.
package hwtest

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
)

// A Board is a machine's GPIO. Lines are named as in a configuration: GPIO5, or gpiochip0:5. An
// unknown name panics.
type Board struct {
	// KeepsLevel says that a released output keeps its level, as with a Raspberry Pi's kernel; the
	// mainline kernel makes it an input. Set it before use.
	KeepsLevel bool

	// Queue is the length of each queue, by default hw.QueueLength. Set it before use.
	Queue int

	// Stall, if set, returns how long the process stalls before and after each call on an EdgeLine,
	// except for Close. Set it before use.
	Stall func() time.Duration

	mu      sync.Mutex // guards the fields below, and all lines
	lines   []*line
	refused error
	reads   int
	calls   int
	lag     time.Duration
	still   time.Time // the process stalls until then
}

// A line is one wire with its request. The Board's mutex guards it.
type line struct {
	info   hw.LineInfo
	set    *lineSet // the holder, or nil
	lost   bool     // interrupts are being missed
	use    hw.Use
	pull   gpio.Pull
	driven *gpio.Level // from outside, stronger than any pull
	out    gpio.Level
	level  gpio.Level // the resulting level of the wire
	fails  map[Op]error
	past   []Change
	to     []*line // wires that follow this one
}

// A Change is one change of a line's level.
type Change struct {
	At    time.Time
	Level gpio.Level
}

// Op is a call that can be made to fail.
type Op int

const (
	Request Op = iota
	Read
	Out
	Wait
	Take
)

// NewBoard makes a board with one chip, gpiochip0, with these lines. An empty name is an unnamed
// line.
func NewBoard(names ...string) *Board {
	b := &Board{Queue: hw.QueueLength}
	b.AddChip("gpiochip0", "pinctrl-bcm2711", names...)
	return b
}

// AddChip adds another chip.
func (b *Board) AddChip(name, label string, lines ...string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, l := range lines {
		info := hw.LineInfo{Chip: name, Label: label, Number: i, Name: l}
		b.lines = append(b.lines, &line{info: info, fails: map[Op]error{}})
	}
}

// at finds a line. The caller holds mu.
func (b *Board) at(name string) *line {
	for _, l := range b.lines {
		if l.info.Name == name || l.info.Chip+":"+strconv.Itoa(l.info.Number) == name {
			return l
		}
	}
	panic("hwtest: the board has no line " + name)
}

// Drive holds the line at a level from outside: a pressed button, a closed contact.
func (b *Board) Drive(name string, level gpio.Level) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.at(name)
	l.driven = &level
	l.update()
}

// Float releases the line, which follows its pull.
func (b *Board) Float(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.at(name)
	l.driven = nil
	l.update()
}

// Slip changes the line's level like Drive, but its edge is lost, as with a missed interrupt.
func (b *Board) Slip(name string, level gpio.Level) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.at(name)
	l.driven = &level
	l.lost = true
	l.update()
	l.lost = false
}

// Edge queues an edge without a change of the level: a late one after a Slip, or a glitch.
func (b *Board) Edge(name string, level gpio.Level) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.at(name).set; s != nil {
		s.put(level)
	}
}

// Kill releases every line, as the end of a killed process does.
func (b *Board) Kill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, l := range b.lines {
		if l.set != nil {
			l.set.release()
		}
	}
}

// Connect makes one wire follow another: a sense line that sees the light.
func (b *Board) Connect(from, to string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := b.at(from)
	f.to = append(f.to, b.at(to))
	f.follow()
}

// Level is the level of a wire.
func (b *Board) Level(name string) gpio.Level {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at(name).level
}

// Past lists the changes of a wire's level, the first 100,000 of them.
func (b *Board) Past(name string) []Change {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.at(name).past)
}

// Held reports whether a line is requested.
func (b *Board) Held(name string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at(name).set != nil
}

// Queued is the number of edges that wait to be read.
func (b *Board) Queued(name string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.at(name).set; s != nil {
		return len(s.queue)
	}
	return 0
}

// Fail makes a call on a line fail from now on; nil ends that. A running wait fails at once.
func (b *Board) Fail(name string, op Op, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.at(name)
	l.fails[op] = err
	if l.set != nil {
		l.set.wake()
	}
}

// OutputReads counts the reads of lines that are outputs.
func (b *Board) OutputReads() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reads
}

// Calls counts the calls on lines whose edges are queued. A sleeping panel makes none.
func (b *Board) Calls() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls
}

// StandStill stalls the process for a time: no call on a line whose edges are queued starts or ends
// meanwhile.
func (b *Board) StandStill(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.still = time.Now().Add(d)
}

// Still is for how long the process will still stall.
func (b *Board) Still() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Until(b.still)
}

// Lag sets the delay between the time of an edge and its queueing.
func (b *Board) Lag(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lag = d
}

// Refuse makes the board report chips that could not be opened.
func (b *Board) Refuse(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = err
}
