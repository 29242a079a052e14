package hwtest

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"time"

	"periph.io/x/conn/v3/gpio"

	"tacet/hw"
)

// Refused implements hw.Board.
func (b *Board) Refused() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refused
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

// request requests a line. The caller holds mu.
func (b *Board) request(info hw.LineInfo, u hw.Use, pull gpio.Pull) (*lineSet, error) {
	l := b.at(info.Chip + ":" + strconv.Itoa(info.Number))
	if err := l.fails[Request]; err != nil {
		return nil, err
	}
	if l.set != nil {
		return nil, fmt.Errorf("LineSetFromConfig: %s", strings.ToLower(syscall.EBUSY.Error()))
	}
	l.use, l.pull, l.out = u, pull, gpio.Low
	l.update() // before edges are queued: the pull makes none
	l.set = &lineSet{board: b, line: l}
	return l.set, nil
}

// update computes the wire's level and the effects of a change. The caller holds mu.
func (l *line) update() {
	level := l.level // it stays if nothing drives or pulls it
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
