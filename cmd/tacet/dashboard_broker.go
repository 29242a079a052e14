package main

import (
	"flag"
	"log/slog"
	"path/filepath"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/dashboard"
	"tacet/cmd/internal/dashboard/broker"
)

// insideFlags are the flags of the dashboard's own broker.
type insideFlags struct {
	listen, office string
	names          []string
}

func (f *insideFlags) add(flags *flag.FlagSet) {
	flags.StringVar(&f.listen, "serve-broker", "", "be the units' broker, at `ADDRESS`, such as :8883")
	flags.StringVar(&f.office, "office", filepath.Join("out", "_office"),
		"`FOLDER` with the accounts for -serve-broker, which \"tacet provision\" made")
	flags.Func("broker-name", "a further `NAME` or address by which units reach this computer; may be repeated",
		func(value string) error {
			f.names = append(f.names, value)
			return nil
		})
}

// open opens the broker; nil without -serve-broker.
func (f *insideFlags) open(dir string, log *slog.Logger) (*broker.Broker, error) {
	if f.listen == "" {
		return nil, nil
	}
	b, err := broker.Open(broker.Options{Listen: f.listen, Dir: filepath.Join(dir, "broker"), Names: f.names,
		Passwords: filepath.Join(f.office, "mosquitto.passwd"), Access: filepath.Join(f.office, "mosquitto.acl"), Log: log})
	if err != nil {
		return nil, cli.WithHint(err, "-office names the folder _office that \"tacet provision\" made; "+
			"its template needs [mqtt] with username and password_file")
	}
	return b, nil
}

// remember gives the broker what it had retained, and says what the units need.
func (f *insideFlags) remember(env *cli.Env, b *broker.Broker, d *dashboard.Dashboard) error {
	if b == nil {
		return nil
	}
	env.Note("the broker is at %s; every unit needs %s as [mqtt] ca", b.Addr(), b.CA())
	return b.Remember(broker.FromHistory(env.Ctx, d.History()))
}
