package manual

import (
	"fmt"
	"strings"
)

// page writes a manual page in the macros of man(7). What it is given is text, never macros.
type page struct{ strings.Builder }

var escapes = strings.NewReplacer(
	`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`, "…", "...", " ", " ")

// roff makes text that no macro starts in.
func roff(text string) string {
	text = escapes.Replace(text)
	if strings.HasPrefix(text, ".") {
		text = `\&` + text
	}
	return text
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

func (p *page) title(name, section, date, version string) {
	p.line(`.TH %s %s %s "%s" Tacet`, strings.ToUpper(roff(name)), section, date, roff(version))
}

func (p *page) heading(text string) { p.line(`.SH "%s"`, roff(text)) }
func (p *page) sub(text string)     { p.line(`.SS "%s"`, strings.ReplaceAll(roff(text), `"`, `\(dq`)) }
func (p *page) text(text string)    { p.line("%s", roff(text)) }

// item is a term and what it means.
func (p *page) item(term, text string) {
	p.line(".TP\n\\fB%s\\fR\n%s", roff(term), roff(text))
}

// prose writes a help text: paragraphs, and indented lines, which stand as they are.
func (p *page) prose(text string) {
	indented := false
	between := true // a paragraph is still to begin
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		example := strings.HasPrefix(line, " ")
		if example != indented && (example || line != "") {
			p.line("%s", map[bool]string{true: ".PP\n.RS\n.nf", false: ".fi\n.RE\n.PP"}[example])
			indented, between = example, true
		}
		switch {
		case line == "" && !indented && !between:
			p.line(".PP")
			between = true
		case line != "":
			p.text(strings.TrimSpace(line))
			between = false
		}
	}
	if indented {
		p.line(".fi\n.RE")
	}
}
