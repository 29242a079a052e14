// Package library serves a folder of recordings to a browser: the list, a check of each, and the
// sound of those that it has an identity for.
//
//	lib, err := library.Open(dir, library.Options{Identities: identities})
//	mux.Handle("/recordings/", http.StripPrefix("/recordings", lib))
//
// It answers, below the path where it is mounted:
//
//	GET /                the list, as JSON
//	GET /FILE            the file itself
//	GET /FILE/verify     the result of checking every byte, in words, as JSON
//	GET /FILE/audio      the sound, decrypted as it is sent; ranges work
//	GET /recordings.js   draws the list in a page; recordings.css is its style
//
// It neither writes decrypted sound anywhere nor keeps it in memory. It does not authenticate
// anybody: the server it is mounted in must.
package library

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"filippo.io/age"

	"tacet/daemon/recording"
)

// maxFiles is how many recordings are listed: the newest.
const maxFiles = 10_000

// maxMeasured is for how many recordings the length of the sound is cached.
const maxMeasured = 64

// Options configure a library.
type Options struct {
	// Identities open recordings. Without them nothing is playable.
	Identities []age.Identity
	// Units returns the keys of known units; it may be nil.
	Units func() []string
	// Elsewhere returns further folders, if there are any now; it may be nil. If a recording is in
	// several folders, the first is used.
	Elsewhere func() []string
}

// Library is a folder of recordings. It is safe for concurrent use.
type Library struct {
	root    *os.Root
	options Options
	handler http.Handler
	streams chan struct{} // a token for each recording being read

	mu    sync.Mutex // guards known; held while a recording is read
	known map[string]known

	measures sync.Mutex // guards measured; held while a recording is measured
	measured map[string]measured
}

// known is what was found in a file, and in which state of the file.
type known struct {
	size     int64
	modified time.Time
	readAt   time.Time
	took     time.Duration // to read it
	item     Item
}

// Item is one recording in the list.
type Item struct {
	File     string    `json:"file"`
	ID       string    `json:"id"`
	Site     string    `json:"site"`
	Room     string    `json:"room"`
	Started  time.Time `json:"started"`
	Seconds  float64   `json:"seconds"`
	State    string    `json:"state"` // whole, interrupted, unfinished or damaged
	Reason   string    `json:"reason"`
	Codec    string    `json:"codec"`
	Playable bool      `json:"playable"` // there is an identity to try, which may be the wrong one
}

// Open opens a folder.
func Open(dir string, o Options) (*Library, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	l := &Library{root: root, options: o, streams: make(chan struct{}, maxStreams), known: make(map[string]known),
		measured: make(map[string]measured)}
	l.handler = l.routes()
	return l, nil
}

// Close closes the folder.
func (l *Library) Close() error { return l.root.Close() }

// List returns every recording in the folder, oldest first. It reads only files that have changed
// since the last call.
func (l *Library) List() ([]Item, error) {
	names, err := l.names()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := make(map[string]known, len(names))
	items := make([]Item, 0, len(names))
	for _, name := range names {
		k, err := l.read(name, l.known[name])
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		now[name] = k
		items = append(items, k.item)
	}
	l.known = now
	return items, nil
}

// names returns the recordings' names, oldest first: a name starts with the time.
func (l *Library) names() ([]string, error) {
	names, err := namesIn(l.root)
	if err != nil {
		return nil, err
	}
	for root := range l.elsewhere() {
		more, err := namesIn(root)
		if err != nil {
			continue // unmounted meanwhile
		}
		names = append(names, more...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[max(0, len(names)-maxFiles):], nil
}

// elsewhere opens the further folders, one at a time.
func (l *Library) elsewhere() iter.Seq[*os.Root] {
	return func(yield func(*os.Root) bool) {
		if l.options.Elsewhere == nil {
			return
		}
		for _, dir := range l.options.Elsewhere() {
			root, err := os.OpenRoot(dir)
			if err != nil {
				continue
			}
			more := yield(root)
			root.Close()
			if !more {
				return
			}
		}
	}
}

func namesIn(root *os.Root) ([]string, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var names []string
	for {
		entries, err := dir.ReadDir(1000)
		for _, e := range entries {
			if _, _, _, bad := recording.ParseName(e.Name()); bad == nil {
				names = append(names, e.Name())
			}
		}
		slices.Sort(names)
		names = names[max(0, len(names)-maxFiles):]
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// minInterval is the shortest time between two reads of a growing file. It is at least ten times as
// long as a read takes.
const minInterval = time.Second

// read reads a file unless it has not changed since before. It reads a growing file again only
// after a while.
func (l *Library) read(name string, before known) (known, error) {
	f, size, err := l.open(name)
	if err != nil {
		return known{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return known{}, err
	}
	unchanged := before.size == size && before.modified.Equal(info.ModTime())
	growing := size > before.size && before.item.State == recording.Unfinished.String()
	if !before.readAt.IsZero() && (unchanged || growing && time.Since(before.readAt) < max(minInterval, 10*before.took)) {
		return before, nil
	}
	k := known{size: size, modified: info.ModTime(), readAt: time.Now()}
	report, err := recording.Verify(f, size, recording.Options{})
	if err != nil {
		return known{}, err
	}
	k.took = time.Since(k.readAt)
	k.item = l.item(name, report)
	return k, nil
}

// item returns a recording's entry in the list. What the file doesn't prove is taken from its name.
func (l *Library) item(name string, r *recording.Report) Item {
	started, room, id, _ := recording.ParseName(name)
	i := Item{File: name, ID: id, Room: room, Started: started, State: r.State.String(),
		Seconds: r.Length().Seconds(), Playable: len(l.options.Identities) > 0 && r.HeadProved}
	if r.State == recording.Foreign {
		i.State = recording.Damaged.String()
	}
	if r.HeadProved {
		i.Site, i.Room, i.ID, i.Started, i.Codec = r.Head.Site, r.Head.Room, r.Head.ID, r.Head.Started, r.Head.Audio.Codec
	}
	if r.End != nil {
		i.Reason = r.End.Reason
	}
	return i
}

// open opens a recording in the folders, and returns its present size. What is not a regular file
// does not exist for it: opening a pipe could wait for ever.
func (l *Library) open(name string) (*os.File, int64, error) {
	if _, _, _, err := recording.ParseName(name); err != nil {
		return nil, 0, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	f, size, err := openIn(l.root, name)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, size, err
	}
	for root := range l.elsewhere() {
		if f, size, err := openIn(root, name); err == nil {
			return f, size, nil
		}
	}
	return nil, 0, err
}

func openIn(root *os.Root, name string) (*os.File, int64, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// units returns the keys of known units.
func (l *Library) units() []string {
	if l.options.Units == nil {
		return nil
	}
	return l.options.Units()
}
