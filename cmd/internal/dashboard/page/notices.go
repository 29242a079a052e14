package page

import (
	"fmt"
	"time"

	"tacet/cmd/internal/dashboard/people"
)

// noticeTrust says whom notices don't reach. Only managers see it: it names people and servers.
func (p *Page) noticeTrust(s Status, who people.Person) (all []trust) {
	if who.Role != people.Manager {
		return nil
	}
	for _, r := range s.Notices {
		switch {
		case !r.Failing.IsZero():
			waiting := ""
			if r.Waiting > 0 {
				waiting = fmt.Sprintf("%d %s", r.Waiting, plural(r.Waiting, "notice waits", "notices wait"))
			}
			all = append(all, trust{Title: fmt.Sprintf("Notices don’t reach %s.", r.Name), Since: p.moment(r.Failing, s.At),
				Text: sentences(r.Trouble, r.Advice, waiting)})
		case r.Refused > 0:
			all = append(all, trust{Title: fmt.Sprintf("%d %s to %s for good.", r.Refused,
				plural(r.Refused, "notice was refused", "notices were refused"), r.Name), Text: sentences(r.Trouble, r.Advice)})
		}
	}
	return all
}

// notices writes whether notices arrive. Names are for managers only.
func (m meter) notices(s Status, who people.Person) {
	if len(s.Notices) == 0 {
		return
	}
	failing, since := 0, time.Time{}
	for _, r := range s.Notices {
		if !r.Failing.IsZero() {
			failing++
			if since.IsZero() || r.Failing.Before(since) {
				since = r.Failing
			}
		}
	}
	m.head("tacet_notice_recipients", "Recipients of notices.")
	m.value("tacet_notice_recipients", float64(len(s.Notices)))
	m.head("tacet_notice_recipients_failing", "Recipients whom notices don't reach.")
	m.value("tacet_notice_recipients_failing", float64(failing))
	if failing > 0 {
		m.head("tacet_notice_failing_since_timestamp_seconds", "Since when notices don't reach somebody.")
		m.value("tacet_notice_failing_since_timestamp_seconds", float64(since.Unix()))
	}
	if who.Role != people.Manager {
		return
	}
	m.head("tacet_notices_waiting", "Notices that are not sent yet.")
	for _, r := range s.Notices {
		m.value("tacet_notices_waiting", float64(r.Waiting), "recipient", r.Name)
	}
	m.head("tacet_notices_refused", "Notices that were refused for good since the dashboard's start.")
	for _, r := range s.Notices {
		m.value("tacet_notices_refused", float64(r.Refused), "recipient", r.Name)
	}
}
