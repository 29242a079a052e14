// Package hwtest is GPIO for tests: a Board that has the habits of the kernel's character device,
// bad ones included, so that the real package hw can run on it.
//
//	b := hwtest.NewBoard("GPIO5", "GPIO27")
//	panel, err := hw.OpenOn(b, hw.Wiring{Buttons: …"GPIO5", Light: …"GPIO27"})
//	b.Drive("GPIO5", gpio.Low)  // press
//	b.Float("GPIO5")            // release: the pull that hw asked for lifts the line
//	b.Level("GPIO27")           // what the light does
//	b.Fail("GPIO5", hwtest.Read, syscall.EIO)
//
// It keeps to time.Now and timers, so it can be used in a testing/synctest bubble (make it inside).
// The conformance test in hw runs on it and on the kernel's own gpio-sim, where Sim drives the
// lines.
//
// What it holds to, as in Linux's drivers/gpio/gpiolib-cdev.c (the conformance test says whether it
// is so):
//
//   - As many edges are queued for a line as were asked for, hw.QueueLength at most. When the queue is full the oldest is
//     dropped (kfifo_skip), and nobody who waits is told.
//   - Edges are queued from the request on, whether anybody waits or not, numbered from 1 for each line. One that is
//     dropped keeps its number. An interrupt that was missed has none.
//   - An edge has the time at which its interrupt came. It is queued by the interrupt's thread, which may be later, and
//     the level that it tells is the one that the thread found: two of one level in a row are two changes, one of which
//     was too short. Edge makes such a one; Lag makes the thread late.
//   - Take returns at once. Wait takes nothing.
//   - A line can be held once; a second request is refused until Close.
//   - The request of an output drives it low.
package hwtest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
)

// A Board is a machine's GPIO. Lines are named as in a config: GPIO5, or gpiochip0:5; a name that
// doesn't exist is a mistake in the test, and panics.
type Board struct {
	// KeepsLevel is what becomes of an output that is released: a Raspberry Pi's kernel keeps its
	// level, the mainline's makes it an input. Set it before use.
	KeepsLevel bool

	// Queue is how many edges are queued for a line, if not hw.QueueLength. Set it before use.
	Queue int

	// Stall, if set, is asked before and after each call on an EdgeLine, but for Close, for how
	// long the process stands still. Set it before use.
	Stall func() time.Duration

	mu      sync.Mutex // guards what follows, and all lines
	lines   []*line
	refused error
	reads   int
	calls   int
	lag     time.Duration
	still   time.Time // until then the process stands still
}

// A line is one wire with what is asked of it. The Board's mutex guards it.
type line struct {
	info   hw.LineInfo
	set    *lineSet // who holds it; nil: nobody
	lost   bool     // interrupts are being missed
	use    hw.Use
	pull   gpio.Pull
	driven *gpio.Level // from outside, stronger than any pull
	out    gpio.Level
	level  gpio.Level // what the wire shows, after all of these
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

// NewBoard makes a board with one chip, gpiochip0, that has these lines; an empty name is an
// unnamed line.
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

// Float lets go of the line: it goes where it is pulled.
func (b *Board) Float(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.at(name)
	l.driven = nil
	l.update()
}

// Slip changes the line's level as Drive does, but its edge is lost, as when an interrupt was
// missed.
func (b *Board) Slip(name string, level gpio.Level) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.at(name)
	l.driven = &level
	l.lost = true
	l.update()
	l.lost = false
}

// Edge queues an edge that no change of the level goes with: one that comes late, after a Slip, or
// is a glitch.
func (b *Board) Edge(name string, level gpio.Level) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.at(name).set; s != nil {
		s.put(level)
	}
}

// Kill releases every line as the end of a killed process does: nothing else is done first.
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

// Level is what the wire shows.
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

// Held says whether a line is requested.
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

// Fail makes a call on a line fail from now on; nil mends it. A wait that is under way fails at
// once.
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

// Calls counts the calls on lines whose edges are queued: a panel that makes none sleeps.
func (b *Board) Calls() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls
}

// StandStill stops the process for a time: no call on a line whose edges are queued begins or ends
// meanwhile.
func (b *Board) StandStill(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.still = time.Now().Add(d)
}

// Still is for how long the process will stand still yet.
func (b *Board) Still() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Until(b.still)
}

// Lag is for how long, from now on, an edge has had its time before it is queued.
func (b *Board) Lag(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lag = d
}

// Refused implements hw.Board.
func (b *Board) Refused() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
}

// Refuse has the board say that it has chips which could not be opened.
func (b *Board) Refuse(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refused = err
}

// Lines implements hw.Board.
func (b *Board) Lines() ([]hw.LineInfo, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var infos []hw.LineInfo
	for _, l := range b.lines {
		infos = append(infos, l.info)
	}
	return infos, nil
}

// Request implements hw.Board.
func (b *Board) Request(info hw.LineInfo, u hw.Use, pull gpio.Pull) (hw.LineSet, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.request(info, u, pull)
}

// RequestEdges implements hw.Board.
func (b *Board) RequestEdges(info hw.LineInfo, pull gpio.Pull) (hw.EdgeLine, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	set, err := b.request(info, hw.Level, pull)
	if err != nil {
		return nil, err
	}
	set.edges = true
	return &edgeLine{set}, nil
}

// request takes a line for either. The caller holds mu.
func (b *Board) request(info hw.LineInfo, u hw.Use, pull gpio.Pull) (*lineSet, error) {
	l := b.at(info.Chip + ":" + strconv.Itoa(info.Number))
	if err := l.fails[Request]; err != nil {
		return nil, err
	}
	if l.set != nil {
		return nil, fmt.Errorf("LineSetFromConfig: %s", strings.ToLower(syscall.EBUSY.Error()))
	}
	l.use, l.pull, l.out = u, pull, gpio.Low
	l.update() // before edges are looked for: the pull makes none
	l.set = &lineSet{board: b, line: l}
	return l.set, nil
}

// update works out the wire's level and, if it changed, what follows from it. The caller holds mu.
func (l *line) update() {
	level := l.level // where nothing drives or pulls, it stays
	switch {
	case l.use == hw.Drive:
		level = l.out
	case l.driven != nil:
		level = *l.driven
	case l.pull == gpio.PullUp:
		level = gpio.High
	case l.pull == gpio.PullDown:
		level = gpio.Low
	}
	if level == l.level {
		return
	}
	l.level = level
	if len(l.past) < 100_000 {
		l.past = append(l.past, Change{time.Now(), level})
	}
	if l.set != nil && !l.lost {
		l.set.put(level)
	}
	l.follow()
}

func (l *line) follow() {
	for _, t := range l.to {
		level := l.level
		t.driven = &level
		t.update()
	}
}
