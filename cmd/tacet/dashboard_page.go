package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/dashboard"
	"tacet/cmd/internal/dashboard/page"
	"tacet/cmd/internal/dashboard/people"
)

// pageFlags are the flags about the page and the people who may see it.
type pageFlags struct {
	listen, host, cert, key              string
	person, role, passwordFile, noPerson string
	roomMetrics                          bool
}

func (f *pageFlags) add(flags *flag.FlagSet) {
	flags.StringVar(&f.listen, "listen", "127.0.0.1:8081", "show the page at `ADDRESS`")
	flags.StringVar(&f.host, "host", "", "a further `NAME` of a page on this computer, for a proxy in front of it")
	flags.StringVar(&f.cert, "cert", "", "`FILE` with the page's TLS certificate; read again when it is renewed")
	flags.StringVar(&f.key, "key", "", "`FILE` with the certificate's private key")
	flags.BoolVar(&f.roomMetrics, "room-metrics", false, "/metrics has lines for each room")
	flags.StringVar(&f.person, "add-person", "", "give `NAME` an account or a new password, and end")
	flags.StringVar(&f.role, "role", "", "with -add-person: manager, viewer, or site: and a site's id: `ROLE`")
	flags.StringVar(&f.passwordFile, "passphrase-file", "", "with -add-person: `FILE` with the new password, instead of asking for it")
	flags.StringVar(&f.noPerson, "remove-person", "", "take `NAME`'s account away, and end")
}

// editsPeople reports whether the command is about accounts, and not about running the dashboard.
func (f *pageFlags) editsPeople() bool { return f.person != "" || f.noPerson != "" }

// editPeople adds or removes an account. The dashboard may run meanwhile.
func (f *pageFlags) editPeople(env *cli.Env, dir string) error {
	if f.person != "" && f.noPerson != "" {
		return env.Usage("use -add-person or -remove-person, not both")
	}
	if f.person != "" && f.role == "" {
		return env.Usage("-add-person needs -role")
	}
	book, err := people.OpenFile(dir)
	if err != nil {
		return err
	}
	if f.noPerson != "" {
		return book.Remove(f.noPerson)
	}
	if _, err := people.NewAccount(f.person, f.role, "only to check the rest"); err != nil {
		return err // before asking for a password
	}
	password, err := env.NewPassphrase("password for "+f.person, f.passwordFile)
	if err != nil {
		return err
	}
	account, err := people.NewAccount(f.person, f.role, password)
	if err != nil {
		return err
	}
	return book.Put(account)
}

// served is what the page needs, once the flags are understood.
type served struct {
	listener net.Listener
	gate     *people.Gate
	cert     *people.Certificate
	public   bool // other computers reach it
	url      string
}

// open listens, if the page may be shown at that address.
func (f *pageFlags) open(dir string, log *slog.Logger) (*served, error) {
	book, err := people.OpenFile(dir)
	if err != nil {
		return nil, err
	}
	accounts, err := book.Accounts()
	if err != nil {
		return nil, err
	}
	s := &served{url: "http://", gate: people.NewGate(book), public: people.Allow(f.listen, false, 0) != nil}
	if err := people.Allow(f.listen, f.cert != "", len(accounts)); err != nil {
		return nil, cli.WithHint(err, "use -cert and -key, and -add-person; or listen at 127.0.0.1")
	}
	if f.cert != "" || f.key != "" {
		if s.cert, err = people.LoadCertificate(f.cert, f.key); err != nil {
			return nil, err
		}
		s.cert.Failed = func(err error) { log.Error("the renewed certificate can't be used; the old one stays", "err", err) }
		s.url = "https://"
	}
	if s.listener, err = net.Listen("tcp", f.listen); err != nil {
		return nil, fmt.Errorf("listen at %s: %w", f.listen, err)
	}
	s.url += s.listener.Addr().String() + "/"
	if s.cert != nil {
		s.listener = tls.NewListener(s.listener, s.cert.Config())
	}
	return s, nil
}

// run runs the dashboard and its page until ctx ends, or one of them fails.
func (f *pageFlags) run(ctx context.Context, d *dashboard.Dashboard, s *served, log *slog.Logger) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := &page.Page{Source: d, Desk: d, Gate: s.gate, Encrypted: s.cert != nil, Public: s.public,
		Name: f.host, RoomMetrics: f.roomMetrics, Build: cli.Version, Log: log}
	server := page.Server(ctx, p.Handler())
	result := make(chan error, 1)
	go func() {
		err := server.Serve(s.listener)
		stop()
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		result <- err
	}()
	err := d.Run(ctx)
	server.Close()
	if failed := <-result; failed != nil {
		err = errors.Join(err, fmt.Errorf("serve the page: %w", failed))
	}
	return err
}
