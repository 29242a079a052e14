// Package library shows a folder of recordings in a browser: what lies in it, whether each is
// whole, and its sound where the page holds an identity that opens it.
//
//	shelf, err := library.Open(dir, library.Options{Identities: identities})
//	mux.Handle("/recordings/", http.StripPrefix("/recordings", shelf))
//
// It answers below the place where it is put:
//
//	GET /                the list, as JSON
//	GET /FILE            the file itself
//	GET /FILE/verify     what a check of every byte finds, in words, as JSON
//	GET /FILE/audio      the sound, decrypted as it is sent; ranges work
//	GET /recordings.js   draws the list in a page; recordings.css goes with it
//
// Nothing that it decrypts is written anywhere or kept in memory. It asks nobody who they are:
// whoever serves it says who may ask.
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

// maxFiles is how many recordings a folder shows: the newest.
const maxFiles = 10_000

// maxMeasured is for how many recordings the length of the sound is remembered.
const maxMeasured = 64

// Options say what the library's owner knows.
type Options struct {
	// Identities open recordings. Without any, none is played.
	Identities []age.Identity
	// Units returns the keys of the units that are known; it may be nil.
	Units func() []string
	// Elsewhere returns further folders, where there are some now; it may be nil. Of recordings
	// that lie in several the first folder's is shown.
	Elsewhere func() []string
}

// Library is one folder. It is safe for use by several goroutines.
type Library struct {
	root    *os.Root
	options Options
	handler http.Handler
	streams chan struct{} // a token for each recording being decrypted

	mu    sync.Mutex // guards known, and lets one recording be read at a time
	known map[string]known

	measures sync.Mutex // guards measured, and lets one recording be measured at a time
	measured map[string]measured
}

// known is what a look into a file found, and for which state of the file.
type known struct {
	size     int64
	modified time.Time
	looked   time.Time
	took     time.Duration
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
	Playable bool      `json:"playable"` // there is an identity to try; it may be the wrong one
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

// Close lets the folder go.
func (l *Library) Close() error { return l.root.Close() }

// List looks at every recording in the folder, oldest first. Only what changed since the last time
// is read again.
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
		k, err := l.look(name, l.known[name])
		if errors.Is(err, fs.ErrNotExist) {
			continue // it went while we looked
		}
		if err != nil {
			return nil, fmt.Errorf("look at %s: %w", name, err)
		}
		now[name] = k
		items = append(items, k.item)
	}
	l.known = now
	return items, nil
}

// names lists the recordings' names, oldest first: they begin with the time.
func (l *Library) names() ([]string, error) {
	names, err := namesIn(l.root)
	if err != nil {
		return nil, err
	}
	for root := range l.elsewhere() {
		more, err := namesIn(root)
		if err != nil {
			continue // it has just gone
		}
		names = append(names, more...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names[max(0, len(names)-maxFiles):], nil
}

// elsewhere opens the further folders, one after another.
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

// rest is the least time between two looks at a file that grows, beside ten times what a look
// takes.
const rest = time.Second

// look reads a file, unless nothing can have changed since before. A file that grows is looked at
// again only now and then.
func (l *Library) look(name string, before known) (known, error) {
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
	if !before.looked.IsZero() && (unchanged || growing && time.Since(before.looked) < max(rest, 10*before.took)) {
		return before, nil
	}
	k := known{size: size, modified: info.ModTime(), looked: time.Now()}
	report, err := recording.Verify(f, size, recording.Options{})
	if err != nil {
		return known{}, err
	}
	k.took = time.Since(k.looked)
	k.item = l.item(name, report)
	return k, nil
}

// item says of a recording what a list shows. What isn't proved by its content is taken from its
// name.
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

// open opens a recording of the folder, and says how long it is now. What isn't a file is not
// there: opening a pipe could wait for ever.
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

// units are the known units' keys.
func (l *Library) units() []string {
	if l.options.Units == nil {
		return nil
	}
	return l.options.Units()
}
