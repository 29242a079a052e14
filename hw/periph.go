package hw

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/host/v3/gpioioctl"
)

// GPIO is the machine's own Board. It waits a little until /dev has a GPIO chip that may be opened,
// and the named ones (gpiochip1), because periph looks for chips only once: one that comes later is
// seen by the next start.
func GPIO(ctx context.Context, chips ...string) (Board, error) {
	refused, err := machine().wait(ctx, chips)
	if err != nil {
		return nil, err
	}
	if err := initPeriph(); err != nil {
		return nil, err
	}
	return &board{refused: refused}, nil
}

// periphMu guards Init, and the order of periph's lines while one of them is requested (see
// expose).
var periphMu sync.Mutex

// initPeriph has periph list the chips; it does so once in a process.
func initPeriph() error {
	periphMu.Lock()
	defer periphMu.Unlock()
	return keepStdin(func() error {
		state, err := driverreg.Init()
		if err != nil {
			return fmt.Errorf("start periph: %w", err)
		}
		if len(gpioioctl.Chips) > 0 {
			return nil
		}
		for _, f := range append(state.Failed, state.Skipped...) {
			if f.Err != nil {
				return fmt.Errorf("list GPIO chips: %w", f.Err)
			}
		}
		return errors.New("list GPIO chips: periph found none that it can use (it needs Linux 5.10)")
	})
}

// board is the machine's GPIO through periph.
type board struct {
	refused error // chips that are there and may not be opened; nil: none
}

func (b *board) Lines() ([]LineInfo, error) {
	var lines []LineInfo
	for _, chip := range gpioioctl.Chips {
		for _, l := range chip.Lines() {
			lines = append(lines, LineInfo{
				Chip:     chip.Name(),
				Label:    chip.Label(),
				Number:   l.Number(),
				Name:     kernelName(chip.Name(), l.Name()),
				Consumer: l.Consumer(),
			})
		}
	}
	return lines, nil
}

func (b *board) Refused() error { return b.refused }

// kernelName undoes periph's renaming: of two lines with one name (a Raspberry Pi 5 has such) it
// puts the chip's name before the second. Here that is an ambiguity for a person to decide, not a
// line with another name.
func kernelName(chip, name string) string { return strings.TrimPrefix(name, chip+"-") }

const (
	// letGo is how long a line may be busy that was released a moment ago: while another thread
	// waits for files, the kernel may put off the release of one that is closed.
	letGo = 200 * time.Millisecond
	// askAgain is the pause between two requests meanwhile.
	askAgain = 5 * time.Millisecond
)

// Request asks for one line as a LineSet: only that returns errors.
func (b *board) Request(l LineInfo, u Use, pull gpio.Pull) (LineSet, error) {
	return insist(func() (LineSet, error) { return b.request(l, u, pull) })
}

// RequestEdges asks for one line on its chip's path, without periph.
func (b *board) RequestEdges(l LineInfo, pull gpio.Pull) (EdgeLine, error) {
	chip, err := chipOf(l)
	if err != nil {
		return nil, err
	}
	if err := openNull(); err != nil { // what is descriptor 0, others may take for standard input
		return nil, err
	}
	line, err := insist(func() (EdgeLine, error) { return requestEdges(chip.Path(), l.Number, pull) })
	if err != nil {
		return nil, explain(err, l)
	}
	return line, nil
}

// insist asks for a line again while it is being let go.
func insist[L any](request func() (L, error)) (L, error) {
	began := time.Now()
	for {
		got, err := request()
		if err == nil || !busy(err) || time.Since(began) >= letGo {
			return got, err
		}
		<-time.After(askAgain)
	}
}

func (b *board) request(l LineInfo, u Use, pull gpio.Pull) (LineSet, error) {
	chip, err := chipOf(l)
	if err != nil {
		return nil, err
	}
	config := &gpioioctl.LineSetConfig{DefaultDirection: gpioioctl.LineInput, DefaultEdge: gpio.NoEdge, DefaultPull: pull}
	if u == Drive {
		config.DefaultDirection = gpioioctl.LineOutput
	}
	periphMu.Lock()
	defer periphMu.Unlock()
	name, restore := expose(chip.Lines(), l.Number)
	defer restore()
	config.Lines = []string{name}
	if err := openNull(); err != nil { // as descriptor 0 a line could not be released
		return nil, err
	}
	set, err := chip.LineSetFromConfig(config)
	if err != nil {
		return nil, explain(err, l)
	}
	if got := set.Lines()[0].Number(); got != l.Number {
		return nil, errors.Join(fmt.Errorf("periph took line %d instead", got), set.Close())
	}
	return &line{set: set}, nil
}

func chipOf(l LineInfo) (*gpioioctl.GPIOChip, error) {
	for _, chip := range gpioioctl.Chips {
		if chip.Name() == l.Chip && l.Number >= 0 && l.Number < len(chip.Lines()) {
			return chip, nil
		}
	}
	return nil, fmt.Errorf("there is no line %s", l.address())
}

// expose makes line n the first of its name. periph asks for a line of a LineSet by name, and takes
// the first that bears it: of the unnamed lines of a chip, and there are boards that name none,
// only one could be had. So the line changes places with the one that stands before it, until
// restore. The caller holds periphMu.
func expose(lines []*gpioioctl.GPIOLine, n int) (name string, restore func()) {
	name = lines[n].Name()
	first := n
	for i, l := range lines[:n] {
		if l.Name() == name {
			first = i
			break
		}
	}
	lines[first], lines[n] = lines[n], lines[first]
	return name, func() { lines[first], lines[n] = lines[n], lines[first] }
}

// busy tells whether the kernel says that a line is held. periph returns its error as text only.
func busy(err error) bool { return strings.Contains(err.Error(), "busy") }

// explain says who holds a busy line.
func explain(err error, l LineInfo) error {
	if !busy(err) {
		return err
	}
	if l.Consumer == "" {
		return fmt.Errorf("another process, or a kernel driver, holds it (gpioinfo tells which): %w", err)
	}
	return fmt.Errorf("%s held it when the chips were listed: %w", l.Consumer, err)
}
