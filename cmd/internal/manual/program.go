package manual

import (
	"strings"

	"tacet/cmd/internal/cli"
)

// Page is a program's manual page.
func Page(d cli.Description, section, date string) string {
	p := &page{}
	p.title(d.Name, section, date, "tacet "+cli.Version)
	p.heading("NAME")
	p.line("%s \\- %s", roff(d.Name), roff(d.About))
	p.heading("SYNOPSIS")
	for i, c := range d.Commands {
		if i > 0 {
			p.line(".br")
		}
		p.line(`\fB%s\fR %s`, roff(strings.TrimSpace(d.Name+" "+c.Name)), roff(c.Usage))
	}
	p.heading("DESCRIPTION")
	p.text(programs[d.Name].about)
	p.heading("COMMANDS")
	for _, c := range d.Commands {
		p.sub(strings.Join(strings.Fields(d.Name+" "+c.Name+" "+c.Usage), " "))
		p.prose(capital(c.About) + ".\n\n" + strings.TrimSpace(c.Help))
		for _, f := range c.Flags {
			value, usage := cli.FlagHelp(f)
			p.item(strings.TrimSpace("-"+f.Name+" "+value), capital(usage)+".")
		}
	}
	p.list("EXIT STATUS", programs[d.Name].exits)
	p.list("FILES", programs[d.Name].files)
	p.heading("SEE ALSO")
	p.text(programs[d.Name].also)
	return p.String()
}

// list is a section of terms.
func (p *page) list(heading string, terms [][2]string) {
	p.heading(heading)
	for _, t := range terms {
		p.item(t[0], t[1])
	}
}

func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// about is what a page has that no command's help says.
type about struct {
	about        string
	exits, files [][2]string
	also         string
}

var programs = map[string]about{
	"tacet": {
		about: "tacet is for the office, which holds the key that opens recordings, and for the technician, who checks " +
			"a unit's config before carrying it there. It needs no microphone and no other program.",
		exits: [][2]string{
			{"0", "It did what it was asked to; of recordings: whole, and the unit's key is known."},
			{"1", "It failed; of recordings: unfinished, damaged, or for somebody else too."},
			{"2", "The arguments make no sense, or a file of keys can't be read."},
			{"3", "Whole, but nobody vouches for the unit's key."},
		},
		files: [][2]string{
			{"~/.config/tacet/known-units", "The units' keys by which recordings are known, one on a line."},
		},
		also: "tacetd(8), tacet.toml(5), age(1)",
	},
	"tacetd": {
		about: "tacetd runs on the unit on the wall of a consulting room. It records while everybody in the room has " +
			"said yes, by hand, and at no other time; it seals each second to the office's keys. " +
			"On SIGHUP it takes a changed config over as soon as nothing is being recorded.",
		exits: [][2]string{
			{"0", "SIGTERM ended it, with the recording ended properly."},
			{"78", "The config can't be used. systemd doesn't try again."},
			{"1", "All else: systemd starts it again. Of tacetd doctor: some part failed."},
		},
		files: [][2]string{
			{"/etc/tacet/tacet.toml", "The unit's config: tacet.toml(5). Without it the service isn't started."},
			{"/var/lib/tacet", "The unit's key, its ledger, and the recordings that no store has yet."},
			{"/run/tacet/status.json", "How the unit is, for everybody who asks."},
			{"/usr/share/doc/tacet/example.toml", "An example of the config with each key."},
		},
		also: "tacet(1), tacet.toml(5), systemctl(1), journalctl(1)",
	},
}
