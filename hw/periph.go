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

// GPIO returns the machine's Board. It waits a little for /dev to have a GPIO chip that may be
// opened, and for the named ones (gpiochip1), because periph lists the chips only once per process.
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

// periphMu guards Init, and the order of periph's lines during a request (see expose).
var periphMu sync.Mutex

// initPeriph makes periph list the chips, once per process.
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

// board is the machine's GPIO.
type board struct {
	refused error // why chips that exist may not be opened, or nil
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

// kernelName undoes periph's renaming: if two lines have the same name, as on a Raspberry Pi 5,
// periph puts the chip's name before the second. Here that is an ambiguity that a person has to
// resolve.
func kernelName(chip, name string) string { return strings.TrimPrefix(name, chip+"-") }

const (
	// releaseTime is how long a line may stay busy after its release: while another thread polls
	// files, the kernel may delay the release of a closed one.
	releaseTime = 200 * time.Millisecond
	// retryPause is the pause between two requests meanwhile.
	retryPause = 5 * time.Millisecond
)

// Request requests one line as a LineSet, since only LineSets return errors.
func (b *board) Request(l LineInfo, u Use, pull gpio.Pull) (LineSet, error) {
	return retryBusy(func() (LineSet, error) { return b.request(l, u, pull) })
}

// RequestEdges requests one line from its chip, without periph.
func (b *board) RequestEdges(l LineInfo, pull gpio.Pull) (EdgeLine, error) {
	chip, err := chipOf(l)
	if err != nil {
		return nil, err
	}
	if err := openNull(); err != nil { // as descriptor 0 the line could pass for standard input
		return nil, err
	}
	line, err := retryBusy(func() (EdgeLine, error) { return requestEdges(chip.Path(), l.Number, pull) })
	if err != nil {
		return nil, explain(err, l)
	}
	return line, nil
}

// retryBusy repeats a request while the line is being released.
func retryBusy[L any](request func() (L, error)) (L, error) {
	start := time.Now()
	for {
		got, err := request()
		if err == nil || !busy(err) || time.Since(start) >= releaseTime {
			return got, err
		}
		<-time.After(retryPause)
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
	if err := openNull(); err != nil { // as descriptor 0 the line could not be released
		return nil, err
	}
	set, err := chip.LineSetFromConfig(config)
	if err != nil {
		return nil, explain(err, l)
	}
	if got := set.Lines()[0].Number(); got != l.Number {
		return nil, errors.Join(fmt.Errorf("periph requested line %d instead", got), set.Close())
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

// expose makes line n the first of its name, until restore is called. periph requests the lines of
// a LineSet by name and takes the first match, so of several unnamed lines only one could be
// requested, and some boards name none. The caller holds periphMu.
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

// busy reports whether the kernel says that a line is held. periph returns only the text of its
// error.
func busy(err error) bool { return strings.Contains(err.Error(), "busy") }

// explain adds who holds a busy line.
func explain(err error, l LineInfo) error {
	if !busy(err) {
		return err
	}
	if l.Consumer == "" {
		return fmt.Errorf("another process, or a kernel driver, holds it (gpioinfo shows which): %w", err)
	}
	return fmt.Errorf("%s held it when the chips were listed: %w", l.Consumer, err)
}
