package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"tacet/cmd/internal/card"
	"tacet/cmd/internal/cli"
	"tacet/config"
)

var cardCommand = cli.Command{
	Name:  "card",
	Usage: "[-lang LANG] [-large] [-words] -config FILE [-o FILE]",
	About: "make the notice for the wall",
	Help: `
Writes the notice that hangs beside a room's unit, as an HTML page that any browser prints on one
sheet of A5, or with -large of A4. The notice says what each light means, how to say yes, stop and
go on, and that nobody has to agree. From the config it takes what recordings are for, where copies
go, how long they are kept, and whom to ask.

    tacet card -config tacet.toml -o card.html

LANG is ` + strings.Join(card.Languages(), " or ") + `, or a file of words in another language,
whose name ends in .toml. To translate, start from the words that -words prints:

    tacet card -words > mine.toml
    tacet card -lang mine.toml -config tacet.toml -o card.html`,
	Run: cardRun,
}

func cardRun(env *cli.Env, args []string) error {
	flags := env.Flags()
	file := flags.String("config", "", "the room's config `FILE`")
	lang := flags.String("lang", "en", "the language, as `LANG` or a file of words")
	large := flags.Bool("large", false, "use large letters, for a sheet of A4")
	words := flags.Bool("words", false, "print the words of the language instead")
	out := flags.String("o", "-", "write the page to `FILE`, which must not exist yet")
	rest, err := env.Parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(rest) > 0:
		return env.Usage("card takes no argument %q", rest[0])
	case *words:
		text, err := card.Text(*lang)
		if err != nil {
			return err
		}
		return env.PrintLines(string(text))
	case *file == "":
		return env.Usage("-config names no file")
	}
	cfg, _, err := config.Load(*file)
	if err != nil {
		return cli.WithHint(err, "run \"tacet check %s\"", *file)
	}
	w, err := card.ReadWords(*lang)
	if err != nil {
		return err
	}
	if cfg.Consent.Purpose == "" || cfg.Card == nil || cfg.Card.Ask == "" || cfg.Card.Kept == "" {
		env.Warn("the card leaves out what people may ask: set purpose in [consent], and ask and kept in [card]")
	}
	page, err := card.New(cfg, w).Page(*large)
	if err != nil {
		return fmt.Errorf("make the card: %w", err)
	}
	if *out == "-" {
		return env.PrintLines(string(page))
	}
	if err := writeNew(*out, page, 0o644); errors.Is(err, fs.ErrExist) {
		return cli.WithHint(fmt.Errorf("%s already exists", *out), "remove it, or name another file with -o")
	} else if err != nil {
		return fmt.Errorf("write the card: %w", err)
	}
	env.Note("wrote the card for %s to %s: open it in a browser, and print it", cfg.Room.Name, *out)
	return nil
}
