package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"

	"tacet/cmd/internal/cli"
	"tacet/cmd/internal/diagnosis/support"
	"tacet/config"
	"tacet/config/textfile"
	"tacet/daemon/recording"
)

// help is what is collected for the file for help while doctor still has root's rights.
type help struct {
	Secrets       [][]byte // only to look for them in the finished file
	Files         string
	Log, UnitFile string
}

const (
	maxSecret = 64 << 10 // bytes
	logLines  = "500"
)

// beforeHelp collects what the service's user may not read.
func (d *doctor) beforeHelp(ctx context.Context) {
	h := &help{}
	files := append(d.cfg.NamedFiles(), config.NamedFile{Name: d.cfg.Unit.Key, Secret: true})
	for _, f := range files {
		h.Files += describeFile(f.Name) + "\n"
		if !f.Secret {
			continue
		}
		if content, err := textfile.Bytes(f.Name, maxSecret); err == nil {
			h.Secrets = append(h.Secrets, content)
			if text, _, err := textfile.Decode(content); err == nil { // what editors on Windows write
				h.Secrets = append(h.Secrets, text)
			}
		}
	}
	for _, name := range accounts(d.cfg) {
		h.Secrets = append(h.Secrets, []byte(name))
	}
	h.Log = onlyProblems(output(ctx, "journalctl", "-u", serviceName, "-n", logLines, "-o", "cat", "--no-pager"))
	h.UnitFile = output(ctx, "systemctl", "show", serviceName, "-p",
		"LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,FragmentPath,DropInPaths,MemoryCurrent")
	d.help = h
}

// accounts are the user names at servers, unless they say no more than the room does.
func accounts(cfg *config.Config) (names []string) {
	if cfg.MQTT != nil {
		names = append(names, cfg.MQTT.Username)
	}
	for _, s := range cfg.Stores {
		if u, err := url.Parse(s.URL); err == nil {
			names = append(names, u.User.Username())
		}
	}
	return slices.DeleteFunc(names, func(n string) bool { return n == cfg.Room.Site || n == cfg.Room.ID })
}

// writeHelp writes the file for help. Only chosen settings are in it: free text may name a person.
func (d *doctor) writeHelp(ctx context.Context) error {
	if d.help == nil {
		d.help = &help{}
	}
	f := support.New(d.help.Secrets)
	f.Section("unit", d.describeUnit(ctx))
	var lines strings.Builder
	for _, one := range d.found.Findings {
		lines.WriteString(one.Line(false) + "\n")
	}
	f.Section("doctor", lines.String()+d.found.Counts()+"\n"+d.found.Verdict())
	if d.cfg != nil {
		f.Section("configuration", chosen(d.cfg))
		f.Section("files", d.help.Files)
	}
	if r := d.lastReport; r != nil {
		f.Section("status", r.chosen())
	}
	f.Section("service", d.help.UnitFile)
	f.Section("log: warnings and errors", d.help.Log)
	var text bytes.Buffer
	if _, err := f.WriteTo(&text); err != nil {
		return err
	}
	if err := d.env.PrintLines(text.String()); err != nil {
		return fmt.Errorf("write the file for help: %w", err)
	}
	d.env.Note("read the file before you pass it on")
	return nil
}

func (d *doctor) describeUnit(ctx context.Context) string {
	return fmt.Sprintf("tacetd %s\n%s\n%s%s\n%s", cli.Version, d.clock.Now().UTC().Format("2006-01-02"),
		output(ctx, "uname", "-srm"), d.host.Model(), d.host.System())
}

// chosen returns the settings that help: nothing that people wrote for people, and no user names.
func chosen(cfg *config.Config) string {
	recipients := []string{}
	for _, r := range cfg.Encrypt.Recipients {
		recipients = append(recipients, recording.Fingerprint(r))
	}
	all := map[string]any{
		"room":    cfg.Room.Site + "/" + cfg.Room.ID,
		"consent": map[string]string{"max": cfg.Consent.Max.String(), "quiet": cfg.Consent.Quiet.String()},
		"buttons": cfg.Buttons, "light": cfg.Light, "status_light": cfg.StatusLight, "door": cfg.Door, "buzzer": cfg.Buzzer,
		"audio":      cfg.Audio,
		"recipients": recipients, "office": cfg.Office != nil, "spool": cfg.Spool, "stores": cfg.Stores,
	}
	if m := cfg.MQTT; m != nil {
		all["mqtt"] = m
	}
	return indented(all)
}

// chosen returns what helps of a status: not whether somebody is in the room, nor how many
// recordings there are.
func (r *report) chosen() string {
	type state struct{ Name, State, Detail string }
	stores := []state{}
	for _, s := range r.Stores {
		stores = append(stores, state{s.Name, s.State, s.Detail})
	}
	return indented(map[string]any{"version": r.Version, "microphone": r.Mic, "light": r.Light, "clock": r.Clock,
		"free_hours": r.FreeHours, "stores": stores, "warnings": r.Warnings})
}

func indented(v any) string {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// onlyProblems keeps the log's warnings and errors, and the starts. All other lines tell of
// consultations.
func onlyProblems(log string) string {
	var kept strings.Builder
	for line := range strings.Lines(log) {
		if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") ||
			strings.Contains(line, "msg=starting") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// output runs a command, and returns what it prints or why it can't.
func output(ctx context.Context, name string, args ...string) string {
	ctx, cancel := context.WithTimeout(ctx, diskTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, name, args...).Output()
	if err != nil {
		return fmt.Sprintf("%s: %v\n", name, err)
	}
	return string(out)
}

// describeFile says of a file what helps: its rights and its length, not its content.
func describeFile(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s %d bytes %s", info.Mode(), info.Size(), name)
}
