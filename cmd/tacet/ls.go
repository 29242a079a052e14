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
	About: "list recordings: when, how long, in which state",
	Help: `
PATH is a recording, or a folder of recordings. Each is read in full: the state is the one that
tacet verify finds. Only verify checks whether the unit is known.

    whole         complete
    interrupted   complete up to a power cut, after which the unit closed it
    unfinished    still being recorded or copied, or cut off
    damaged       changed since it was recorded

The length is the part that is proved. In a folder, ls looks at files and links named ….tacet.`,
	Run: ls,
}

// listEntry is a recording in the list. Its JSON form is what -json prints.
type listEntry struct {
	File    string     `json:"file"`
	ID      string     `json:"id"`
	Site    string     `json:"site"`
	Room    string     `json:"room"`
	Started *time.Time `json:"started"` // null if unknown
	Seconds float64    `json:"seconds"`
	State   string     `json:"state"`
	Reason  string     `json:"reason"`
	Codec   string     `json:"codec"`
}

// started returns the zero time if the start is unknown.
func (l *listEntry) started() time.Time {
	if l.Started == nil {
		return time.Time{}
	}
	return *l.Started
}

func ls(env *cli.Env, args []string) error {
	flags := env.Flags()
	asJSON := flags.Bool("json", false, "print JSON")
	paths, err := env.Parse(flags, args)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return env.Usage("name a recording or a folder to list")
	}
	list := []listEntry{}
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
			case folder && errors.Is(err, fs.ErrNotExist): // removed meanwhile
			case err != nil:
				failed = append(failed, err)
			case rep.State == recording.Foreign && !isNamedRecording(name):
				failed = append(failed, incomplete(name, rep))
			default:
				list = append(list, describe(name, rep))
			}
		}
	}
	slices.SortStableFunc(list, func(a, b listEntry) int {
		return cmp.Or(a.started().Compare(b.started()), cmp.Compare(a.File, b.File))
	})
	print := printList
	if *asJSON {
		print = printJSON
	}
	if err := print(env, list); err != nil {
		return err
	}
	return joinErrors(failed)
}

// isNamedRecording reports whether a file is named as recordings are. Such a file is listed even if
// it is not a recording any more. Old file systems write names in capitals.
func isNamedRecording(name string) bool {
	return strings.EqualFold(filepath.Ext(name), recording.Extension)
}

// recordingsIn returns the files at a path: the file itself or, for a folder, every file in it that
// is named as a recording. A link to a file counts as one.
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
		if !isNamedRecording(e.Name()) {
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

// baseName is a file's name without its folder, with the extension in lower case.
func baseName(path string) string {
	base := filepath.Base(path)
	if isNamedRecording(base) {
		base = strings.TrimSuffix(base, filepath.Ext(base)) + recording.Extension
	}
	return base
}

// describe makes an entry from what the file says, even if it is not proved, or else from the
// file's name.
func describe(name string, rep *recording.Report) listEntry {
	l := listEntry{File: name, State: rep.State.String(), Seconds: rep.Length().Seconds()}
	if rep.State == recording.Foreign {
		l.State = recording.Damaged.String()
	}
	if h := &rep.Head; rep.HeadRead {
		l.ID, l.Site, l.Room, l.Started, l.Codec = h.ID, h.Site, h.Room, &h.Started, h.Audio.Codec
	} else if started, room, id, err := recording.ParseName(baseName(name)); err == nil {
		l.ID, l.Room, l.Started = id, room, &started
	}
	if rep.End != nil {
		l.Reason = rep.End.Reason
	}
	return l
}

func printJSON(env *cli.Env, list []listEntry) error { return env.PrintJSON(list) }

func printList(env *cli.Env, list []listEntry) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, l := range list {
		started := "?"
		if l.Started != nil {
			started = formatTime(*l.Started)
		}
		cli.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", started, formatLength(time.Duration(l.Seconds*float64(time.Second))),
			l.State,
			cmp.Or(endingText(l.Reason), "-"), l.File)
	}
	table.Flush()
	return env.PrintLines(text.String())
}
