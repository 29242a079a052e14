package library

import (
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"

	"tacet/daemon/recording"
)

//go:embed web
var web embed.FS

// maxStreams is how many recordings are read at a time.
const maxStreams = 8

func (l *Library) ServeHTTP(w http.ResponseWriter, r *http.Request) { l.handler.ServeHTTP(w, r) }

func (l *Library) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", l.list)
	for _, name := range []string{"recordings.js", "recordings.css"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFileFS(w, r, web, "web/"+name)
		})
	}
	mux.HandleFunc("GET /{file}", l.file)
	mux.HandleFunc("GET /{file}/verify", l.verify)
	mux.HandleFunc("GET /{file}/audio", l.audio)
	return mux
}

// fail answers with an error.
func fail(w http.ResponseWriter, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		http.Error(w, "there is no such recording", http.StatusNotFound)
		return
	}
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (l *Library) list(w http.ResponseWriter, _ *http.Request) {
	items, err := l.List()
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, items)
}

// file sends a recording as it is.
func (l *Library) file(w http.ResponseWriter, r *http.Request) {
	f, _, err := l.open(r.PathValue("file"))
	if err != nil {
		fail(w, err)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-tar")
	http.ServeContent(w, r, "", info.ModTime(), f)
}

// verify checks every byte, even if the recording's state is known.
func (l *Library) verify(w http.ResponseWriter, r *http.Request) {
	f, size, release := l.acquire(w, r)
	if f == nil {
		return
	}
	defer release()
	report, err := recording.Verify(f, size, recording.Options{Units: l.units()})
	if err != nil {
		fail(w, err)
		return
	}
	writeJSON(w, verdict(report))
}

// acquire opens the requested recording and takes a place among the streams, until release. If it
// can't, it has answered, and f is nil.
func (l *Library) acquire(w http.ResponseWriter, r *http.Request) (f *os.File, size int64, release func()) {
	f, size, err := l.open(r.PathValue("file"))
	if err != nil {
		fail(w, err)
		return nil, 0, nil
	}
	select {
	case l.streams <- struct{}{}:
		return f, size, func() { <-l.streams; f.Close() }
	default:
		f.Close()
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many recordings are being read", http.StatusServiceUnavailable)
		return nil, 0, nil
	}
}
