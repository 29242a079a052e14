package page

import (
	"bytes"
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"

	"tacet/cmd/internal/dashboard/people"
	"tacet/cmd/internal/dashboard/practice"
)

// frame is what every page shows around its content.
type frame struct {
	Title    string // of the tab
	Heading  string
	Path     string // of the page, with its query
	Tab      string // which of the navigation's entries is the current one
	Who      people.Person
	Accounts bool
	Log      bool // there is an audit log that the person may read
	Token    string
	Build    string
	Unit     string // the address of the wall unit beside the dashboard; usually empty
	Now      moment
	Trust    []trust // what limits how far the page can be trusted
	Said     string  // the counts, for a screen reader
	Content  any

	Next, Failed string // of the form to sign in
}

// screen is a page's content: as a whole, and the parts of it that are kept current.
type screen struct {
	frame
	name  string   // of its template
	parts []string // templates that are sent again when they have changed
	list  []item   // the elements of its list, in order
	slow  bool     // it reads the history, so it is made again only every few seconds
}

// item is an element of a list that is kept current.
type item struct {
	ID   string
	Data any
}

// errNoPage says that there is no such page, or none that the person may see.
var errNoPage = errors.New("there is no such page")

// screen makes the page at a URL for a person.
func (p *Page) screen(ctx context.Context, at *url.URL, who people.Person) (*screen, error) {
	status := p.Source.Status()
	s := &screen{frame: frame{
		Path: at.RequestURI(), Who: who, Accounts: p.accounts(), Log: p.Desk != nil && who.Audits(), Build: p.Build,
		Now: p.moment(status.At, status.At), Trust: append(p.trust(status), p.noticeTrust(status, who)...), Unit: p.Unit,
	}}
	path := strings.Split(strings.Trim(at.Path, "/"), "/")
	var err error
	switch {
	case at.Path == "/":
		p.tiles(s, at.Query(), status)
	case len(path) == 3 && path[0] == "room":
		err = p.roomScreen(ctx, s, practice.RoomID{Site: path[1], Room: path[2]}, status.At)
	case at.Path == "/today":
		err = p.today(ctx, s, at.Query(), status.At)
	case at.Path == "/round":
		p.round(s, at.Query(), status.At)
	case at.Path == "/closed" && who.Acts():
		err = p.closed(ctx, s, status.At)
	case at.Path == "/log" && s.Log:
		err = p.audit(ctx, s, status.At)
	default:
		err = errNoPage
	}
	return s, err
}

// shown serves a page.
func (p *Page) shown(w http.ResponseWriter, r *http.Request) {
	who, ok := p.who(r)
	if !ok {
		p.askToSignIn(w, r)
		return
	}
	s, err := p.screen(r.Context(), r.URL, who)
	switch {
	case errors.Is(err, errNoPage):
		p.render(w, "missing", http.StatusNotFound, frame{Title: "No such page", Who: who, Accounts: p.accounts()})
		return
	case err != nil:
		p.Log.Error("the page can't be made", "page", r.URL.Path, "err", err)
		http.Error(w, "the page can't be made; the log says why", http.StatusInternalServerError)
		return
	}
	s.Token = p.token.of(p.session(r))
	p.render(w, s.name, http.StatusOK, s.frame)
}

var templates = template.Must(template.New("").Funcs(template.FuncMap{
	"printable": printable, "plural": plural,
}).ParseFS(web, "web/*.html"))

// render sends a whole page, or nothing of it if it can't be made.
func (p *Page) render(w http.ResponseWriter, name string, status int, f frame) {
	var out bytes.Buffer
	if err := templates.ExecuteTemplate(&out, name, f); err != nil {
		p.Log.Error("a page can't be made", "page", name, "err", err)
		http.Error(w, "the page can't be made; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(out.Bytes())
}

// part renders one template.
func part(name string, data any) (string, error) {
	var out bytes.Buffer
	err := templates.ExecuteTemplate(&out, name, data)
	return out.String(), err
}

// moment is a time on a page. A script shows how long ago it was; without it, the page shows when.
type moment struct {
	MS        int64  // since 1970, by the dashboard's clock
	ISO, Text string // Text is empty for the zero time
	Full      string
}

func (p *Page) moment(t, now time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	return moment{t.UnixMilli(), t.UTC().Format(time.RFC3339), p.clock(t, now),
		t.In(p.Location).Format("2 January 2006, 15:04:05")}
}
