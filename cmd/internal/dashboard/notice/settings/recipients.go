package settings

import (
	"cmp"
	"fmt"
	"net"
	"regexp"
	"strconv"

	"tacet/cmd/internal/dashboard/notice/send"
)

var nameShape = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// recipients reads [mail] and the [[to]].
func (r *reader) recipients(f *file) {
	var mail *send.MailOptions
	if f.Mail != nil {
		mail = r.mail(f.Mail)
	}
	if len(f.To) == 0 {
		r.fail("to", "nobody gets a notice: add a [[to]] with a name and a mail address")
	}
	if len(f.To) > maxTo {
		r.fail("to", "there are more than %d", maxTo)
		return
	}
	for i, t := range f.To {
		key := fmt.Sprintf("to %q", t.Name)
		switch {
		case !nameShape.MatchString(t.Name):
			r.fail(fmt.Sprintf("to number %d", i+1), "name %q: write 1 to 32 of a-z, 0-9 and -", t.Name)
		case r.names[t.Name]:
			r.fail(key, "the name is there twice")
		}
		r.names[t.Name] = true
		switch {
		case (len(t.Mail) == 0) == (t.Style == ""):
			r.fail(key, "write either mail, or style and url")
		case len(t.Mail) > 0:
			r.mailTo(key, &t, mail)
		default:
			r.hookTo(key, &t)
		}
	}
}

func (r *reader) mail(t *mailTable) *send.MailOptions {
	security := send.Security(cmp.Or(t.TLS, string(send.StartTLS)))
	o := &send.MailOptions{Security: security, Username: t.Username, From: t.From}
	standard := "587"
	switch o.Security {
	case send.Implicit:
		standard = "465"
	case send.Clear:
		standard = "25"
	case send.StartTLS:
	default:
		r.fail("mail.tls", "%q is unknown: write \"starttls\" or \"implicit\"", t.TLS)
	}
	host, port, err := net.SplitHostPort(t.Server)
	if err != nil {
		host, port = t.Server, standard
	}
	o.Host = host
	if o.Port, err = strconv.Atoi(port); err != nil || o.Port < 1 || o.Port > 65535 || host == "" {
		r.fail("mail.server", "%q is no server: write it as \"smtp.practice.example:%s\"", t.Server, standard)
	}
	if (t.Username == "") != (t.PasswordFile == "") {
		r.fail("mail", "username and password_file belong together")
	} else if t.PasswordFile != "" {
		o.Password = r.secret("mail.password_file", t.PasswordFile)
	}
	o.Roots = r.roots("mail.ca", t.CA)
	return o
}

func (r *reader) mailTo(key string, t *toTable, mail *send.MailOptions) {
	if t.URL+t.URLFile+t.TokenFile+t.CA != "" {
		r.fail(key, "url, url_file, token_file and ca are for webhooks: remove them, or make another [[to]]")
	}
	if mail == nil {
		r.fail(key, "there is no [mail], which names the mail server")
		return
	}
	if len(t.Mail) > maxMail {
		r.fail(key, "it has more than %d addresses", maxMail)
		return
	}
	for _, address := range t.Mail {
		o := *mail
		o.To = address
		sender, err := send.NewMail(o)
		if err != nil {
			r.fail(key, "%w", err)
			continue
		}
		r.s.Channels = append(r.s.Channels, send.Channel{Name: t.Name + "#" + fingerprint(address), To: t.Name,
			Shown: fmt.Sprintf("%s (%s)", t.Name, address), Sender: sender})
	}
}

func (r *reader) hookTo(key string, t *toTable) {
	style := send.Style(t.Style)
	switch style {
	case send.Plain, send.Ntfy, send.Slack:
	default:
		r.fail(key, "style %q is unknown: write \"webhook\", \"ntfy\" or \"slack\"", t.Style)
	}
	if style == send.Slack && t.URL != "" {
		r.fail(key, "whoever knows the address can post: write it into a file, and name that as url_file")
	}
	o := send.HookOptions{
		Name: t.Name, Style: style, URL: r.address(key, t.URL, t.URLFile), Client: r.client(key+" ca", t.CA),
	}
	if t.TokenFile != "" {
		o.Token = r.secret(key+" token_file", t.TokenFile)
	}
	r.s.Channels = append(r.s.Channels, send.Channel{
		Name: t.Name, To: t.Name, Shown: fmt.Sprintf("%s (%s)", t.Name, t.Style), Sender: send.NewHook(o),
	})
}
