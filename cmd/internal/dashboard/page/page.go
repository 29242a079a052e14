package page

import (
	"context"
	"embed"
	"log/slog"
	"net/http"
	"time"

	"tacet/cmd/internal/dashboard/people"
)

// Page serves the dashboard:
//
//	GET  /                        all rooms, worst first: site, state, q and from select
//	GET  /room/SITE/ROOM          one room
//	GET  /today, /round, /closed  what changed, the morning round, closed periods
//	GET  /log                     who did what
//	GET  /live?at=PATH            server-sent events for a page: what has changed in it
//	GET  /api/rooms, /metrics     for programs
//	POST …                        notes, closed periods, snoozing, signing in and out
//
// Each answer is made for the person who asks: what their role may not see never leaves the server.
type Page struct {
	Source Source
	Desk   Desk         // nil: nobody can snooze, and there is no log
	Gate   *people.Gate // nil: there are never accounts
	// Public: other computers reach the page. If they don't, and nobody has an account, whoever opens
	// it sees everything.
	Public bool
	// Encrypted: the server speaks TLS. Without it the page answers only on this computer.
	Encrypted   bool
	Name        string         // a further host name of a page on this computer; usually empty
	RoomMetrics bool           // /metrics has lines for each room
	Location    *time.Location // of the times that people read
	Unit        string         // the address of a wall unit's page, to link to: the demo's; usually empty
	Build       string         // the version; a page of another one reloads itself
	Log         *slog.Logger

	token   token
	viewers chan struct{}
}

// maxViewers is the most streams at a time.
const maxViewers = 200

//go:embed web
var web embed.FS

// Handler returns the page's handler. Call it once.
func (p *Page) Handler() http.Handler {
	p.viewers = make(chan struct{}, maxViewers)
	p.token = newToken()
	if p.Location == nil {
		p.Location = time.Local
	}
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	mux := http.NewServeMux()
	for name := range assets {
		mux.HandleFunc("GET /"+name, p.asset(name))
	}
	mux.HandleFunc("GET /favicon.ico", p.asset("icon.svg")) // what browsers ask for without a page that names another
	mux.HandleFunc("GET /{$}", p.shown)
	mux.HandleFunc("GET /room/{site}/{room}", p.shown)
	mux.HandleFunc("GET /today", p.shown)
	mux.HandleFunc("GET /round", p.shown)
	mux.HandleFunc("GET /closed", p.shown)
	mux.HandleFunc("GET /log", p.shown)
	mux.HandleFunc("GET /live", p.live)
	mux.HandleFunc("GET /sign-in", p.signInPage)
	mux.HandleFunc("POST /sign-in", p.signIn)
	mux.HandleFunc("POST /sign-out", p.signOut)
	mux.HandleFunc("POST /room/{site}/{room}/note", p.acting(p.note))
	mux.HandleFunc("POST /room/{site}/{room}/note/remove", p.acting(p.removeNote))
	mux.HandleFunc("POST /room/{site}/{room}/snooze", p.acting(p.snooze))
	mux.HandleFunc("POST /closed/add", p.acting(p.addClosure))
	mux.HandleFunc("POST /closed/remove", p.acting(p.removeClosure))
	mux.HandleFunc("GET /api/rooms", p.program(p.apiRooms))
	mux.HandleFunc("GET /metrics", p.program(p.metrics))
	return p.guard(mux)
}

// Server returns a server for the handler, whose limits keep slow and greedy clients in bounds.
func Server(ctx context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // what strangers send is no news
		BaseContext:       baseContext(ctx),
	}
}

// assets are the files that anybody may load, with their types.
var assets = map[string]string{
	"page.css": "text/css; charset=utf-8",
	"page.js":  "text/javascript; charset=utf-8",
	"icon.svg": "image/svg+xml",
}

func (p *Page) asset(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", assets[name])
		http.ServeFileFS(w, r, web, "web/"+name)
	}
}
