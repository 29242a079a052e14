package page

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"tacet/cmd/internal/dashboard/people"
	"tacet/cmd/internal/dashboard/practice"
)

const (
	maxText  = 1000                 // bytes of a note or a reason
	maxAhead = 366 * 24 * time.Hour // how far ahead somebody may snooze or close
	maxAudit = 500                  // lines of the audit log that are shown
)

// problem is why a form was not accepted: for the person who filled it in.
type problem string

func (p problem) Error() string { return string(p) }

// acting lets those act who may, with the form's token, and sends them to the page that it returns.
func (p *Page) acting(do func(r *http.Request, who people.Person) (next string, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, ok := p.who(r)
		if !ok {
			p.askToSignIn(w, r)
			return
		}
		if err := r.ParseForm(); err != nil {
			http.Error(w, "the form can't be read", http.StatusBadRequest)
			return
		}
		if !p.token.right(p.session(r), r.PostFormValue("token")) {
			http.Error(w, "the form is too old: go back, load the page again, and send it again", http.StatusForbidden)
			return
		}
		if !who.Acts() {
			http.Error(w, "your role may not do that", http.StatusForbidden)
			return
		}
		next, err := do(r, who)
		var wrong problem
		switch {
		case errors.As(err, &wrong):
			p.render(w, "problem", http.StatusBadRequest, frame{Title: "Not done", Failed: capital(string(wrong)) + ".", Next: next, Who: who, Accounts: p.accounts()})
		case errors.Is(err, errNoPage):
			http.Error(w, "there is no such room", http.StatusNotFound)
		case err != nil:
			p.Log.Error("what somebody wanted was not done", "what", r.URL.Path, "by", who.Name, "err", err)
			http.Error(w, "that can't be done now; the log says why", http.StatusInternalServerError)
		default:
			http.Redirect(w, r, next, http.StatusSeeOther)
		}
	}
}

// roomOf returns the room in the path, if the person may see it.
func (p *Page) roomOf(r *http.Request, who people.Person) (room, string, error) {
	id := practice.RoomID{Site: r.PathValue("site"), Room: r.PathValue("room")}
	found, ok := p.room(id, who)
	if !ok {
		return room{}, "", errNoPage
	}
	return found, "/room/" + id.String(), nil
}

// text returns a field that people write.
func text(r *http.Request, field string, required bool) (string, error) {
	s := strings.TrimSpace(strings.ReplaceAll(r.PostFormValue(field), "\r\n", "\n"))
	switch {
	case s == "" && required:
		return "", problem("there is no text")
	case len(s) > maxText || !utf8.ValidString(s):
		return "", problem(fmt.Sprintf("the text is too long: %d characters are enough", maxText))
	}
	return printable(s), nil
}

func (p *Page) note(r *http.Request, who people.Person) (string, error) {
	found, next, err := p.roomOf(r, who)
	if err != nil {
		return next, err
	}
	s, err := text(r, "text", true)
	if err != nil {
		return next, err
	}
	return next, p.Source.AddNote(r.Context(), found.ID, who.Name, s)
}

func (p *Page) removeNote(r *http.Request, who people.Person) (string, error) {
	found, next, err := p.roomOf(r, who)
	if err != nil {
		return next, err
	}
	id, err := strconv.ParseInt(r.PostFormValue("id"), 10, 64)
	for _, n := range found.Notes {
		if err == nil && n.ID == id {
			return next, p.Source.RemoveNote(r.Context(), id, who.Name)
		}
	}
	return next, nil // somebody else has removed it
}

// snoozes are the lengths that the form offers. Empty ends it.
var snoozes = map[string]time.Duration{"1h": time.Hour, "4h": 4 * time.Hour, "1d": 24 * time.Hour,
	"7d": 7 * 24 * time.Hour}

func (p *Page) snooze(r *http.Request, who people.Person) (string, error) {
	found, next, err := p.roomOf(r, who)
	if err != nil {
		return next, err
	}
	if p.Desk == nil {
		return next, errNoPage
	}
	until := time.Time{}
	if choice := r.PostFormValue("for"); choice != "" {
		d, ok := snoozes[choice]
		if !ok {
			return next, problem("there is no such time to snooze for")
		}
		until = p.Source.Status().At.Add(d)
	}
	return next, p.Desk.Snooze(r.Context(), found.ID, who.Name, until)
}

// auditView is the audit log.
type auditView struct{ Lines []auditLine }

type auditLine struct {
	At                 moment
	By, What, On, Text string
}

// audit fills in the page with who did what.
func (p *Page) audit(ctx context.Context, s *screen, now time.Time) error {
	all, err := p.Desk.Audit(ctx, maxAudit)
	if err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	v := auditView{}
	for _, a := range all {
		v.Lines = append(v.Lines, auditLine{p.moment(a.At, now), a.By, a.What, a.On, a.Text})
	}
	_, counts := p.query(practice.Filter{Limit: 1}, s.Who)
	s.name, s.Tab, s.Heading, s.Content = "log", "log", "Who did what", v
	s.Title, s.Said = "Log · "+title(counts, s.Trust), said(counts, s.Trust)
	s.parts, s.slow = []string{"log-lines"}, true
	return nil
}
