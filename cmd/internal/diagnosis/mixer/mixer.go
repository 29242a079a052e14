// Package mixer finds the control of a sound card's mixer that makes a microphone silent, too quiet
// or too loud, and the command that sets it. It asks amixer.
package mixer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"tacet/cmd/internal/diagnosis"
	"tacet/config/bounded"
)

// A Control sets how loud a card captures.
type Control struct {
	Name    string
	Index   int
	Percent int  // of its range, on the loudest channel; -1 if it sets no volume
	Off     bool // it is a switch, and every channel of it is off
}

const (
	maxOutput   = 1 << 20 // bytes
	maxControls = 200
)

// ErrNoTool says that amixer is not installed.
var ErrNoTool = errors.New("amixer is not installed")

// Read lists the capture controls of an ALSA mixer, such as hw:CARD=Device.
func Read(ctx context.Context, mixer string) ([]Control, error) {
	cmd := exec.CommandContext(ctx, "amixer", "-D", mixer, "scontents")
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if errors.Is(err, exec.ErrNotFound) {
		return nil, ErrNoTool
	} else if err != nil {
		return nil, fmt.Errorf("list the controls of %s: %w", mixer, err)
	}
	text, err := bounded.ReadAll(out, maxOutput)
	out.Close() // so that amixer ends even if it wants to say more
	if err := errors.Join(err, cmd.Wait()); err != nil {
		return nil, fmt.Errorf("list the controls of %s: %w", mixer, err)
	}
	return parse(string(text)), nil
}

var (
	// plainName is a name that can be typed in a command. Names come from the card.
	plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 _.+/()-]{0,60}$`)
	heading   = regexp.MustCompile(`^Simple mixer control '(.*)',([0-9]+)$`)
	percent   = regexp.MustCompile(`\[([0-9]{1,3})%\]`)
)

// parse reads the output of "amixer scontents".
func parse(text string) (controls []Control) {
	var c *Control
	capture := false
	keep := func() {
		if c != nil && capture && len(controls) < maxControls {
			controls = append(controls, *c)
		}
		c, capture = nil, false
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if m := heading.FindStringSubmatch(line); m != nil {
			keep()
			if n, err := strconv.Atoi(m[2]); err == nil && plainName.MatchString(m[1]) {
				c = &Control{Name: m[1], Index: n, Percent: -1}
			}
			continue
		}
		if c == nil {
			continue
		}
		if capabilities, ok := strings.CutPrefix(line, "  Capabilities: "); ok {
			fields := strings.Fields(capabilities)
			for _, f := range fields {
				capture = capture || f == "cvolume" || f == "cswitch" || f == "volume" || f == "switch"
				c.Off = c.Off || f == "cswitch" || f == "switch" // until a channel is on
			}
			continue
		}
		c.channel(line)
	}
	keep()
	return controls
}

// channel takes the line of one channel, as in "  Mono: Capture 12 [75%] [12.00dB] [on]". Where the
// control also plays, what is captured comes last.
func (c *Control) channel(line string) {
	if i := strings.LastIndex(line, "Capture "); i >= 0 {
		line = line[i:]
	} else if strings.Contains(line, "Playback ") {
		return
	}
	if m := percent.FindStringSubmatch(line); m != nil {
		n, _ := strconv.Atoi(m[1])
		c.Percent = max(c.Percent, n)
	}
	if strings.Contains(line, "[on]") {
		c.Off = false
	}
}

// String is the control as amixer names it.
func (c Control) String() string {
	if c.Index == 0 {
		return "'" + c.Name + "'"
	}
	return fmt.Sprintf("'%s',%d", c.Name, c.Index)
}

// Set is the command that sets the control, and keeps it over a restart.
func (c Control) Set(mixer, to string) string {
	card := strings.TrimPrefix(mixer, "hw:CARD=")
	return fmt.Sprintf("amixer -D %s sset %s %s && sudo alsactl store %s", diagnosis.Quote(mixer), c, to, diagnosis.Quote(card))
}
