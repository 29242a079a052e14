package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/dashboard"
	"tacet/cmd/internal/dashboard/page"
	"tacet/cmd/internal/dashboard/practice"
)

// overview is the practice's dashboard beside the wall unit: it sees what the unit publishes, and
// nothing else.
type overview struct {
	d        *dashboard.Dashboard
	listener net.Listener
	log      *slog.Logger
	ended    chan error
}

// url is the address of the dashboard's page; empty without one.
func (o *overview) url() string {
	if o == nil {
		return ""
	}
	return fmt.Sprintf("http://%s/", pageHost(o.listener.Addr()))
}

// overview opens a dashboard that listens to the demo's own broker; nil if nobody asked for one.
func (u *unit) overview(ctx context.Context, log *slog.Logger) (*overview, error) {
	if u.beside == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", u.beside)
	if err != nil {
		return nil, cli.WithHint(err, "choose another address with -dashboard; 127.0.0.1:0 takes a free port")
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		listener.Close()
		return nil, errors.New("the demo's dashboard has no passwords, so only this machine may see it: " +
			"give -dashboard an address such as 127.0.0.1:8081")
	}
	room := u.cfg.Room
	d, err := dashboard.Open(ctx, dashboard.Options{Dir: filepath.Join(u.dir, "dashboard"), Log: log,
		Brokers: []dashboard.Broker{{URL: u.broker}},
		Known:   []practice.Known{{ID: practice.RoomID{Site: room.Site, Room: room.ID}, Name: room.Name}}})
	if err != nil {
		listener.Close()
		return nil, err
	}
	return &overview{d: d, listener: listener, log: log, ended: make(chan error, 1)}, nil
}

// run runs the dashboard and its page, with a link to the unit's, until ctx ends. There may be none.
func (o *overview) run(ctx context.Context, unit string) {
	if o == nil {
		return
	}
	p := &page.Page{Source: o.d, Desk: o.d, Unit: unit, Build: cli.Version, Log: o.log}
	server := page.Server(ctx, p.Handler())
	go func() {
		if err := server.Serve(o.listener); !errors.Is(err, http.ErrServerClosed) {
			o.log.Error("the dashboard's page has ended", "err", err)
		}
	}()
	go func() {
		defer server.Close()
		o.ended <- o.d.Run(ctx)
	}()
}

// close waits for the end of run, and closes what the dashboard keeps.
func (o *overview) close() {
	if o == nil {
		return
	}
	if err := errors.Join(<-o.ended, o.d.Close()); err != nil {
		o.log.Error("the dashboard has ended", "err", err)
	}
}
