package main

import (
	"context"
	"errors"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/diagnosis/wire"
	"tacet/config"
	"tacet/hw"
)

// wire shows the inputs' levels until ctx ends. It holds the light's line, dark, as well: so no
// daemon can start and record meanwhile.
func (d *doctor) wire(ctx context.Context) error {
	d.findDaemon(ctx)
	if d.lock != nil {
		defer d.lock.Close()
	}
	if d.running != "" {
		return cli.WithHint(errors.New("not watched: "+d.running+" holds the lines"),
			"-stop stops the service meanwhile, and starts it again")
	}
	inputs, wired := wiredInputs(d.cfg)
	open := d.openPanel
	if open == nil {
		open = func(ctx context.Context) (*hw.Panel, error) { return hw.Open(ctx, wired) }
	}
	panel, err := open(ctx)
	if err != nil {
		return cli.WithHint(err, "\"gpioinfo\" lists the lines and who holds them")
	}
	terminal := d.env.Screen()
	if terminal {
		d.env.Note("Ctrl-C ends this")
	}
	return errors.Join(wire.Show(ctx, panel.Buttons(), inputs, d.env.Stdout, terminal), panel.Close())
}

// wiredInputs returns every input that the configuration names, and a wiring that reads all of them
// alike: the sense line too, whose edges are otherwise not followed.
func wiredInputs(cfg *config.Config) (inputs []wire.Input, w hw.Wiring) {
	add := func(name, line string, low bool, active, inactive string) {
		inputs = append(inputs, wire.Input{Name: name, Line: line, Pin: config.HeaderPin(line), ActiveLow: low,
			Active: active, Inactive: inactive})
		w.Buttons = append(w.Buttons, hw.Input{Line: line, ActiveLow: low, Role: name})
	}
	for _, b := range cfg.Buttons {
		add("button of "+b.Party, b.Line, b.ActiveLow(), "pressed", "not pressed")
	}
	if l := cfg.Door; l != nil {
		add("door", l.Line, l.ActiveLow(), "open", "closed")
	}
	if l := cfg.Light; l.Sense != "" {
		add("sense line", l.Sense, l.SenseActive == config.Low, "lit", "dark")
	}
	w.Light = hw.Output{Line: cfg.Light.Line, ActiveLow: cfg.Light.Active == config.Low}
	return inputs, w
}
