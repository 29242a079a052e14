package cli

import (
	"errors"
	"testing"
)

func TestDescribeCollectsHelpAndDoesNothing(t *testing.T) {
	did := 0
	commands := []Command{
		{Name: "", Usage: "[-a FILE]", About: "run", Run: func(env *Env, args []string) error {
			fs := env.Flags()
			fs.String("a", "x", "take `FILE`")
			if _, err := env.Parse(fs, args); err != nil {
				return err
			}
			did++
			return nil
		}},
		{Name: "two", About: "do two", Run: func(env *Env, args []string) error {
			fs := env.Flags()
			fs.Bool("z", false, "last")
			fs.Bool("b", false, "first")
			if _, err := env.Parse(fs, args); err != nil {
				return err
			}
			did++
			return nil
		}},
	}
	d, err := Describe("tool", func(env *Env) error { return env.Dispatch("a tool", commands) })
	if err != nil || did > 0 {
		t.Fatalf("%v; %d commands ran", err, did)
	}
	if d.Name != "tool" || d.About != "a tool" || len(d.Commands) != 2 || len(d.Commands[0].Flags) != 1 {
		t.Fatalf("%+v", d)
	}
	two := d.Commands[1]
	if two.Name != "two" || len(two.Flags) != 2 || two.Flags[0].Name != "b" || two.Flags[1].Name != "z" {
		t.Errorf("%+v", two)
	}
	if value, usage := FlagHelp(d.Commands[0].Flags[0]); value != "FILE" || usage != "take FILE (default x)" {
		t.Errorf("%q, %q", value, usage)
	}
}

// A command that does something when it is asked for help can't be described.
func TestDescribeFindsACommandThatHasNoHelp(t *testing.T) {
	broken := errors.New("it did something")
	commands := []Command{{Name: "bad", Run: func(*Env, []string) error { return broken }}}
	_, err := Describe("tool", func(env *Env) error { return env.Dispatch("a tool", commands) })
	if !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}
