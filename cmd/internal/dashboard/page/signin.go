package page

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"tacet/cmd/internal/dashboard/people"
)

// cookie is the session's name. A browser keeps one that starts with __Host- to this host and TLS.
func (p *Page) cookie() string {
	if p.Encrypted {
		return "__Host-tacet"
	}
	return "tacet"
}

// session is the token of the request's session, or empty.
func (p *Page) session(r *http.Request) string {
	c, err := r.Cookie(p.cookie())
	if err != nil {
		return ""
	}
	return c.Value
}

// accounts reports whether people have to sign in.
func (p *Page) accounts() bool { return p.Gate != nil && (p.Public || !p.Gate.Empty()) }

// who returns who sends the request. ok is false if they have to sign in.
func (p *Page) who(r *http.Request) (who people.Person, ok bool) {
	if !p.accounts() {
		return people.Nobody, true
	}
	return p.Gate.Who(p.session(r))
}

// from is the address that asks.
func from(r *http.Request) netip.Addr {
	at, _ := netip.ParseAddrPort(r.RemoteAddr)
	return at.Addr()
}

// local returns a path on this page, so that nobody is sent elsewhere after signing in.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(next, "/") ||
		strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n") {
		return "/"
	}
	return next
}

// askToSignIn sends a person to the form. A browser leaves the session's cookie out of a request
// that another site's link caused: such a request is repeated by a page of our own first, which a
// browser sends the cookie with.
func (p *Page) askToSignIn(w http.ResponseWriter, r *http.Request) {
	if site := r.Header.Get("Sec-Fetch-Site"); (site == "cross-site" || site == "same-site") && p.session(r) == "" {
		p.render(w, "again", http.StatusOK, frame{Next: r.URL.RequestURI()})
		return
	}
	http.Redirect(w, r, "/sign-in?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
}

func (p *Page) signInPage(w http.ResponseWriter, r *http.Request) {
	if _, ok := p.who(r); ok {
		http.Redirect(w, r, local(r.URL.Query().Get("next")), http.StatusSeeOther)
		return
	}
	p.render(w, "sign-in", http.StatusOK, frame{Title: "Sign in", Next: local(r.URL.Query().Get("next"))})
}

func (p *Page) signIn(w http.ResponseWriter, r *http.Request) {
	next := local(r.PostFormValue("next"))
	if !p.accounts() {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	name := strings.TrimSpace(r.PostFormValue("name"))
	token, err := p.Gate.SignIn(r.Context(), from(r), name, r.PostFormValue("password"))
	if err != nil {
		p.Log.Warn("somebody could not sign in", "from", from(r), "err", err)
		p.render(w, "sign-in", refusal(err), frame{Title: "Sign in", Next: next, Failed: capital(plain(err)) + "."})
		return
	}
	http.SetCookie(w, &http.Cookie{Name: p.cookie(), Value: token, Path: "/", HttpOnly: true, Secure: p.Encrypted,
		SameSite: http.SameSiteStrictMode, MaxAge: 90 * 24 * 3600})
	http.Redirect(w, r, next, http.StatusSeeOther)
}

func (p *Page) signOut(w http.ResponseWriter, r *http.Request) {
	if p.Gate != nil && p.token.right(p.session(r), r.PostFormValue("token")) {
		p.Gate.SignOut(p.session(r))
		http.SetCookie(w, &http.Cookie{Name: p.cookie(), Path: "/", HttpOnly: true, Secure: p.Encrypted,
			SameSite: http.SameSiteStrictMode, MaxAge: -1})
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// refusal is the status for an error of the gate.
func refusal(err error) int {
	switch {
	case errors.Is(err, people.ErrRefused):
		return http.StatusUnauthorized
	case errors.Is(err, people.ErrBusy):
		return http.StatusTooManyRequests
	}
	return http.StatusInternalServerError
}

// plain hides what a stranger need not know.
func plain(err error) string {
	if errors.Is(err, people.ErrRefused) || errors.Is(err, people.ErrBusy) {
		return err.Error()
	}
	return "signing in does not work now; the log says why"
}

// program lets programs in that send a name and a password with each request, beside people.
func (p *Page) program(next func(http.ResponseWriter, *http.Request, people.Person)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if who, ok := p.who(r); ok {
			next(w, r, who)
			return
		}
		name, password, ok := r.BasicAuth()
		if !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="tacet", charset="UTF-8"`)
			http.Error(w, "a name and a password are needed", http.StatusUnauthorized)
			return
		}
		who, err := p.Gate.Password(r.Context(), from(r), name, password)
		if err != nil {
			if !errors.Is(err, context.Canceled) {
				p.Log.Warn("a program could not sign in", "from", from(r), "err", err)
			}
			http.Error(w, plain(err), refusal(err))
			return
		}
		next(w, r, who)
	}
}
