package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxAnswer is the longest accepted answer, in bytes.
const maxAnswer = 256

// Ask asks at the terminal, and returns the line that is typed, without blanks around it. hint says
// what to do where there is no terminal.
func (env *Env) Ask(prompt, hint string) (string, error) {
	in, out, err := openTerminal()
	if err != nil {
		return "", WithHint(fmt.Errorf("ask at the terminal: %w", err), "%s", hint)
	}
	fmt.Fprintf(out, "%s ", Clean(prompt))
	type answer struct {
		line string
		err  error
	}
	answered := make(chan answer, 1)
	go func() {
		line, err := bufio.NewReader(io.LimitReader(in, maxAnswer)).ReadString('\n')
		answered <- answer{line, err}
	}()
	select {
	case a := <-answered:
		if a.err != nil && !errors.Is(a.err, io.EOF) {
			return "", fmt.Errorf("ask at the terminal: %w", a.err)
		}
		return strings.TrimSpace(a.line), nil
	case <-env.Ctx.Done():
		return "", env.Ctx.Err()
	}
}
