package main

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/daemon/recording"
)

var lsCommand = cli.Command{
	Name:  "ls",
	Usage: "[-json] PATH…",
	About: "list recordings: when, how long, whether whole",
	Help: `
A PATH is a recording, or a folder of them. Each is read to its end: the state is what tacet verify finds, but for the question whether
the unit is known.

    whole         complete
    interrupted   complete; the power went meanwhile, and the unit closed it
    unfinished    still being made or copied, or cut off
    damaged       not as it was made

Lengths are those that are proved. In a folder it looks at the files called ….tacet, links to files among them.`,
	Run: ls,
}

// listed is a recording in the list, in -json's words.
type listed struct {
	File    string     `json:"file"`
	ID      string     `json:"id"`
	Site    string     `json:"site"`
	Room    string     `json:"room"`
	Started *time.Time `json:"started"` // null where nobody knows
	Seconds float64    `json:"seconds"`
	State   string     `json:"state"`
	Reason  string     `json:"reason"`
	Codec   string     `json:"codec"`
}

// started is the zero time where nobody knows.
func (l *listed) started() time.Time {
	if l.Started == nil {
		return time.Time{}
	}
	return *l.Started
}

func ls(env *cli.Env, args []string) error {
	flags := env.Flags()
	asJSON := flags.Bool("json", false, "as JSON")
	paths, err := env.Parse(flags, args)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return env.Usage("ls names no file or folder")
	}
	list := []listed{}
	var failed []error
	for _, path := range paths {
		names, folder, err := recordingsIn(path)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		for _, name := range names {
			rep, err := inspect(env, name, nil)
			switch {
			case env.Ctx.Err() != nil:
				return env.Ctx.Err()
			case folder && errors.Is(err, fs.ErrNotExist): // it went while we looked
			case err != nil:
				failed = append(failed, err)
			case rep.State == recording.Foreign && !called(name):
				failed = append(failed, incomplete(name, rep))
			default:
				list = append(list, describe(name, rep))
			}
		}
	}
	slices.SortStableFunc(list, func(a, b listed) int {
		return cmp.Or(a.started().Compare(b.started()), cmp.Compare(a.File, b.File))
	})
	print := printList
	if *asJSON {
		print = printJSON
	}
	if err := print(env, list); err != nil {
		return err
	}
	return join(failed)
}

// called reports whether a file is called as recordings are. Such a file is listed even if there is
// nothing of a recording in it any more. Old file systems write names in capitals.
func called(name string) bool { return strings.EqualFold(filepath.Ext(name), recording.Extension) }

// recordingsIn returns what there is at a path: the file itself or, in a folder, every file that is
// called as a recording is. A link to a file counts as one.
func recordingsIn(path string) (files []string, folder bool, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, false, err
	}
	if !info.IsDir() {
		return []string{path}, false, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, true, err
	}
	for _, e := range entries {
		if !called(e.Name()) {
			continue
		}
		name := filepath.Join(path, e.Name())
		regular := e.Type().IsRegular()
		if e.Type()&fs.ModeSymlink != 0 {
			info, err := os.Stat(name)
			regular = err == nil && info.Mode().IsRegular()
		}
		if regular {
			files = append(files, name)
		}
	}
	return files, true, nil
}

// plainName is a file's name without its folder, ending as recordings' names do.
func plainName(path string) string {
	base := filepath.Base(path)
	if called(base) {
		base = strings.TrimSuffix(base, filepath.Ext(base)) + recording.Extension
	}
	return base
}

// describe says of a recording what the list shows. What the file doesn't prove is taken from it
// all the same, and from its name if it says nothing.
func describe(name string, rep *recording.Report) listed {
	l := listed{File: name, State: rep.State.String(), Seconds: rep.Length().Seconds()}
	if rep.State == recording.Foreign {
		l.State = recording.Damaged.String()
	}
	if h := &rep.Head; rep.HeadRead {
		l.ID, l.Site, l.Room, l.Started, l.Codec = h.ID, h.Site, h.Room, &h.Started, h.Audio.Codec
	} else if started, room, id, err := recording.ParseName(plainName(name)); err == nil {
		l.ID, l.Room, l.Started = id, room, &started
	}
	if rep.End != nil {
		l.Reason = rep.End.Reason
	}
	return l
}

func printJSON(env *cli.Env, list []listed) error { return env.PrintJSON(list) }

func printList(env *cli.Env, list []listed) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, l := range list {
		begun := "?"
		if l.Started != nil {
			begun = start(*l.Started)
		}
		cli.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", begun, length(time.Duration(l.Seconds*float64(time.Second))), l.State,
			cmp.Or(ending(l.Reason), "-"), l.File)
	}
	table.Flush()
	return env.PrintLines(text.String())
}
