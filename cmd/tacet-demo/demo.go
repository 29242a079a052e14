package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/library"
	"tacet/cmd/tacet-demo/page"
	"tacet/cmd/tacet-demo/power"
	"tacet/daemon/journal"
	"tacet/hw/simpanel"
)

// options are the command line.
type options struct {
	listen, config, dir, mic, dashboard string
}

// demoMain runs the demo until it is interrupted.
func demoMain(env *cli.Env, args []string) error {
	var o options
	f := env.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` of the page")
	f.StringVar(&o.config, "config", "", "a unit's config `file` (default: make one)")
	f.StringVar(&o.dir, "dir", "", "`folder` for everything but a -config's recordings (default: a new one, printed)")
	f.StringVar(&o.mic, "mic", "",
		"auto, voice (built in) or an ALSA `device` (default: the config's, or auto)")
	f.StringVar(&o.dashboard, "dashboard", "",
		"`address` of the practice's dashboard, as in 127.0.0.1:8081 (default: none)")
	rest, err := env.Parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) > 0 {
		return env.Usage("tacet-demo takes no argument %q", rest[0])
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return cli.WithHint(err, "choose another address with -listen; 127.0.0.1:0 takes a free port")
	}
	defer listener.Close()
	u, err := prepare(o)
	if err != nil {
		return err
	}
	for _, w := range u.warnings {
		env.Warn("%s", w)
	}
	traffic, close, err := u.connect()
	if err != nil {
		return err
	}
	defer close()
	if o.dashboard != "" && traffic == nil {
		return env.Usage("-dashboard needs the demo's own broker, and the config names another")
	}
	u.beside = o.dashboard
	host, _, _ := net.SplitHostPort(o.listen)
	return u.serve(env, listener, host, traffic)
}

// serve powers the unit up, prints the page's address, and serves the page until it is interrupted.
// Then the unit stops in order.
func (u *unit) serve(env *cli.Env, listener net.Listener, host string, traffic *page.Traffic) error {
	lines := journal.New(slog.NewTextHandler(env.Stderr, nil))
	defer lines.Flush(journal.Patience)
	log := slog.New(lines)
	front := simpanel.New(u.front())
	if err := u.makeDrives(); err != nil {
		return err
	}
	lib, err := library.Open(u.cfg.Spool.Path,
		library.Options{Identities: u.identities, Units: u.keys, Elsewhere: u.drives(front)})
	if err != nil {
		return err
	}
	defer lib.Close()
	supply := power.New(u.command(), front, log)
	wall, err := u.wall()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(env.Ctx)
	defer cancel()
	beside, err := u.overview(ctx, log)
	if err != nil {
		return err
	}
	defer func() { cancel(); beside.close() }()
	at := fmt.Sprintf("http://%s/", pageHost(listener.Addr()))
	beside.run(ctx, at)
	u.dashboard = beside.url()
	p := &page.Page{Panel: front, Unit: supply, Library: lib, Card: u.card(), Wall: wall, Traffic: traffic, Name: host}
	server := &http.Server{Handler: p.Handler(), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn)}
	defer server.Close()

	served, ended := make(chan error, 1), make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	go func() { ended <- supply.Run(ctx) }()
	select {
	case <-supply.Reported():
		env.Printf("page:   %s\nbroker: %s\nfolder: %s\n", at, u.broker, u.dir)
		if u.dashboard != "" {
			env.Printf("dashboard: %s\n", u.dashboard)
		}
	case err := <-ended:
		return err
	}
	select {
	case err := <-served:
		cancel()
		<-ended
		return err
	case err := <-ended:
		return err
	}
}

// pageHost returns the host and port for a browser on this machine.
func pageHost(a net.Addr) string {
	at, err := netip.ParseAddrPort(a.String())
	if err == nil && at.Addr().IsUnspecified() {
		return fmt.Sprintf("localhost:%d", at.Port())
	}
	return a.String()
}
