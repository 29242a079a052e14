package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/dashboard"
	"tacet/cmd/internal/dashboard/history"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/cmd/internal/fleet"
	"tacet/config"
	"tacet/daemon/mqtt"
)

var dashboardCommand = cli.Command{
	Name:  "dashboard",
	Usage: "-broker URL|-serve-broker ADDRESS [-fleet FILE] [-listen ADDRESS] [-dir DIR]",
	About: "show all rooms on one page",
	Help: `
Listens to the units' messages at an MQTT broker, and shows every room on a page: which ones are ready,
which record, and which need a hand. It keeps events for 30 days.

    tacet dashboard -fleet fleet.toml -broker mqtts://broker.lan \
        -username dashboard -password broker.pass -ca ca.pem

Give -broker once for each broker. The n-th -username, -password and -ca belong to the n-th broker; one
alone belongs to all. Without -fleet it shows whatever publishes as a room.

The page can be opened on this computer only, until it has a certificate and somebody an account:

    tacet dashboard -add-person kim -role manager
    tacet dashboard -broker URL -listen :8443 -cert page.pem -key page.key

A manager sees and does everything, "-role site:high-street" the same at one site. A viewer sees whether
rooms work, but not when they record, and no notes.

With -notices it sends a mail or a message when a room needs a hand: "tacet dashboard -notices-example"
prints a file to start from, and "tacet dashboard -notices FILE -test-notice" tries it.

A practice without a broker lets the dashboard be one. It takes the units' accounts from the folder that
"tacet provision" made, and prints the file that every unit needs as [mqtt] ca:

    tacet dashboard -serve-broker :8883 -office out/_office \
        -fleet out/_office/fleet.toml

"tacet dashboard -export csv -dir DIR" prints what is kept, and ends.`,
	Run: dashboardRun,
}

// dashboardFlags are the command's flags.
type dashboardFlags struct {
	brokers, usernames, passwords, authorities []string

	fleet, dir, clientID, export string
	remember                     time.Duration

	inside  insideFlags
	page    pageFlags
	notices noticeFlags
}

func parseDashboard(env *cli.Env, args []string) (*dashboardFlags, error) {
	f, flags := &dashboardFlags{remember: 30 * 24 * time.Hour}, env.Flags()
	list := func(to *[]string) func(string) error {
		return func(value string) error {
			*to = append(*to, value)
			return nil
		}
	}
	flags.Func("broker", "listen to the broker at `URL`, such as mqtts://broker.lan:8883; may be repeated", list(&f.brokers))
	flags.Func("username", "the dashboard's `NAME` at the broker", list(&f.usernames))
	flags.Func("password", "`FILE` with the dashboard's password at the broker", list(&f.passwords))
	flags.Func("ca", "`FILE` with the certificate of the broker's authority", list(&f.authorities))
	flags.StringVar(&f.fleet, "fleet", "", "`FILE` with the list of rooms, which \"tacet provision\" made")
	f.inside.add(flags)
	f.page.add(flags)
	f.notices.add(flags)
	flags.StringVar(&f.dir, "dir", "dashboard", "keep events in `DIR`")
	flags.StringVar(&f.clientID, "client-id", dashboard.DefaultClientID,
		"`NAME` of the session at the broker; two dashboards need two")
	flags.Func("remember", "keep events for `TIME`, such as 30d, the default: times of consultations are personal data",
		func(value string) (err error) {
			f.remember, err = config.ParseDuration(value)
			if err == nil && (f.remember < 24*time.Hour || f.remember > 3660*24*time.Hour) {
				err = errors.New("write a time between 1d and 3660d")
			}
			return err
		})
	flags.StringVar(&f.export, "export", "", "print what is kept as `FORMAT`, csv or jsonl, and end")
	rest, err := env.Parse(flags, args)
	switch {
	case err != nil:
		return nil, err
	case len(rest) > 0:
		return nil, env.Usage("dashboard takes no argument %q", rest[0])
	case f.export != "" && f.export != history.CSV && f.export != history.JSONL:
		return nil, env.Usage("-export is csv or jsonl, not %q", f.export)
	case f.export == "" && !f.page.editsPeople() && !f.notices.ends() && len(f.brokers) == 0 && f.inside.listen == "":
		return nil, env.Usage("dashboard needs -broker or -serve-broker")
	}
	for name, values := range map[string][]string{"username": f.usernames, "password": f.passwords, "ca": f.authorities} {
		if len(values) > 1 && len(values) != len(f.brokers) {
			return nil, env.Usage("give -%s once, or once for each -broker", name)
		}
	}
	return f, nil
}

func dashboardRun(env *cli.Env, args []string) error {
	f, err := parseDashboard(env, args)
	if err != nil {
		return err
	}
	if f.export != "" {
		return exportHistory(env, f)
	}
	if f.page.editsPeople() {
		return f.page.editPeople(env, f.dir)
	}
	if f.notices.ends() {
		return f.notices.run(env)
	}
	notices, err := f.notices.read()
	if err != nil {
		return err
	}
	known, err := knownRooms(f.fleet)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(env.Stderr, nil))
	served, err := f.page.open(f.dir, log)
	if err != nil {
		return err
	}
	defer served.listener.Close()
	options := dashboard.Options{Brokers: f.connections(), Known: known, Dir: f.dir, ClientID: f.clientID,
		Remember: f.remember, Log: log, Notices: notices}
	inside, err := f.inside.open(f.dir, log)
	if err != nil {
		return err
	}
	defer inside.Close()
	if inside != nil {
		options.Inside = inside
	}
	d, err := dashboard.Open(env.Ctx, options)
	if err != nil {
		return aboutHistory(err)
	}
	if err := f.inside.remember(env, inside, d); err != nil {
		return errors.Join(err, d.Close())
	}
	env.Note("the page is at %s", served.url)
	return errors.Join(f.page.run(env.Ctx, d, served, log), d.Close())
}

// aboutHistory adds what to do about a folder that can't be used.
func aboutHistory(err error) error {
	switch {
	case errors.Is(err, history.ErrInUse):
		return cli.WithHint(err, "stop the other one, or give this one its own -dir and -client-id")
	case errors.Is(err, history.ErrNewer):
		return cli.WithHint(err, "install that version again, or give this one its own -dir")
	case history.Damaged(err):
		return cli.WithHint(err, "move %s* out of the folder and start again: rooms are shown as before; "+
			"what happened until now, notes and closed periods are lost", history.File)
	}
	return err
}

// connections pairs the brokers with their accounts.
func (f *dashboardFlags) connections() (all []dashboard.Broker) {
	of := func(values []string, i int) string {
		switch len(values) {
		case 0:
			return ""
		case 1:
			return values[0]
		}
		return values[i]
	}
	for i, url := range f.brokers {
		files := mqtt.CredentialFiles{Password: of(f.passwords, i), CA: of(f.authorities, i)}
		all = append(all, dashboard.Broker{URL: url, Username: of(f.usernames, i), Credentials: files.Read})
	}
	return all
}

// knownRooms are the rooms of a fleet file; none without one.
func knownRooms(file string) (known []practice.Known, err error) {
	if file == "" {
		return nil, nil
	}
	list, err := fleet.Read(file)
	if err != nil {
		return nil, err
	}
	for _, site := range list.Sites {
		for _, r := range site.Rooms {
			if !r.Gone {
				known = append(known, practice.Known{ID: practice.RoomID{Site: site.ID, Room: r.ID}, Name: r.Name,
					Recipients: r.Recipients, Key: r.Key, Earlier: r.Earlier})
			}
		}
	}
	if len(known) == 0 {
		return nil, fmt.Errorf("%s lists no rooms", file)
	}
	return known, nil
}

func exportHistory(env *cli.Env, f *dashboardFlags) error {
	if _, err := os.Stat(filepath.Join(f.dir, history.File)); errors.Is(err, os.ErrNotExist) {
		return cli.WithHint(fmt.Errorf("%s holds no history", f.dir), "name the dashboard's folder with -dir")
	}
	db, err := history.OpenReader(f.dir)
	if err != nil {
		return aboutHistory(err)
	}
	defer db.Close()
	return db.Export(env.Ctx, &printer{env: env}, f.export)
}

// printer prints whole lines through env, which lets only printable characters reach a terminal.
type printer struct {
	env  *cli.Env
	line []byte // the start of a line
}

func (p *printer) Write(data []byte) (int, error) {
	p.line = append(p.line, data...)
	for {
		line, rest, whole := bytes.Cut(p.line, []byte("\n"))
		if !whole {
			return len(data), nil
		}
		if err := p.env.Printf("%s\n", string(line)); err != nil {
			return 0, err
		}
		p.line = rest
	}
}
