package manual

import (
	"tacet/cmd/internal/cli"
	"tacet/config"
)

// ConfigPage is the manual page of the config file.
func ConfigPage(date string) (string, error) {
	sections, err := config.Sections()
	if err != nil {
		return "", err
	}
	p := &page{}
	p.title("tacet.toml", "5", date, "tacet "+cli.Version)
	p.heading("NAME")
	p.line("tacet.toml \\- config of a Tacet unit")
	p.heading("DESCRIPTION")
	p.text("/etc/tacet/tacet.toml says everything about a unit. It is TOML. Check it with \"tacet check\" before you " +
		"carry it to the unit, and with \"tacetd doctor\" there. A key that isn't known is an error.")
	p.line(".PP")
	p.text("Each key stands here with an example of its value. If its text says \"default\", a line that is left out " +
		"has that value. Times are written \"90s\", \"60m\", \"12h\" or \"30d\". Secrets never stand in this file: it " +
		"names the files that hold them.")
	stores := false
	for _, s := range sections {
		name := "[" + s.Name + "]"
		if s.Several {
			name = "[[" + s.Name + "]]"
		}
		if s.Kind != "" {
			name += ", kind = \"" + s.Kind + "\""
		}
		if s.Name == "store" && !stores {
			stores = true
			p.heading("STORES")
			p.text("Copies go to up to 8 stores, each with a name of its own, of up to 32 small letters a-z, digits and " +
				"\"-\".")
		} else if s.Name == "room" {
			p.heading("SECTIONS")
		} else if s.Name == "mqtt" {
			p.heading("TELEMETRY")
		}
		p.sub(name)
		p.text(s.About)
		for _, k := range s.Keys {
			p.item(k.Name+" = "+k.Value, capital(k.About))
		}
	}
	p.heading("FILES")
	p.item("/usr/share/doc/tacet/example.toml", "The example that this page is made from.")
	p.heading("SEE ALSO")
	p.text("tacetd(8), tacet(1)")
	return p.String(), nil
}
