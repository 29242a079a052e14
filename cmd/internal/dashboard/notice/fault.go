package notice

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/health"
)

// Code identifies a fault: a unit's warning, or one of those below.
type Code = health.Code

// The faults that the dashboard itself sees. All others are the units' own warnings.
const (
	Silent     Code = "room-silent"
	NeverHeard Code = "room-never-heard"
	Recipients Code = "room-recipients"
	NewKey     Code = "room-key"
	BrokerGone Code = "broker-gone"
	ClockWrong Code = "clock-wrong"
)

var own = map[health.Code]health.Warning{
	Silent: {
		Title: "Not heard from", Severity: health.Fault,
		Text: "The room's unit has sent nothing for minutes. It may have no power or no network. " +
			"Whether it can record is not known.",
		Do: "Look at the unit's lights. If they are off, check its plug. If they are on, check its network cable.",
	},
	NeverHeard: {
		Title: "Never heard from", Severity: health.Attention,
		Text: "The room is in the list of rooms, but its unit has never been heard.",
		Do:   "Ask the technician whether the unit is installed, and whether it reaches the broker.",
	},
	Recipients: {
		Title: "Encrypts to other keys than the practice's", Severity: health.Fault,
		Text: "The keys that can open this room's recordings are not those of the practice's list.",
		Do:   "Ask the technician at once who changed the room's keys. Until then, don't record in this room.",
	},
	NewKey: {
		Title: "Signs with another key", Severity: health.Fault,
		Text: "The unit that answers for this room is not the one in the practice's list.",
		Do: "If the unit was replaced, the technician updates the list. If it was not, don't record in this room, " +
			"and ask the technician at once.",
	},
	BrokerGone: {
		Title: "Message broker not reached", Severity: health.Fault,
		Text: "The dashboard can't see the rooms of this broker. The rooms may be well: recording is not affected.",
		Do:   "Check the network and the computer that the broker runs on.",
	},
	ClockWrong: {
		Title: "Dashboard's clock wrong", Severity: health.Attention,
		Text: "The clock of the dashboard's computer differs from the units' clocks, so its times can't be trusted.",
		Do:   "Ask the technician to check the time on the dashboard's computer.",
	},
}

// declared returns the texts of a code. A newer unit may have codes that are not declared here.
func declared(code health.Code) health.Warning {
	if w, ok := own[code]; ok {
		w.Code = code
		return w
	}
	if w, ok := health.Lookup(code); ok {
		return w
	}
	return health.Warning{
		Code: code, Title: "Warning " + string(code), Severity: health.Attention,
		Text: "The unit reports a warning that this dashboard is too old to explain.",
		Do:   "Open the room's page, which shows what the unit says.",
	}
}

// Known reports whether a code is declared, here or in package health.
func Known(code Code) bool {
	_, ours := own[code]
	_, theirs := health.Lookup(code)
	return ours || theirs
}

// Subject is what has a fault: a room, a broker, or with no field set the dashboard's computer.
type Subject struct {
	Site   string `json:"site,omitempty"`
	Room   string `json:"room,omitempty"`
	Broker string `json:"broker,omitempty"`
}

// Compare sorts subjects: the dashboard's, brokers, rooms by site.
func (s Subject) Compare(o Subject) int {
	return cmp.Or(strings.Compare(s.Site, o.Site), strings.Compare(s.Room, o.Room), strings.Compare(s.Broker, o.Broker))
}

func (s Subject) isRoom() bool { return s.Room != "" }

// Fault is one fault that is up.
type Fault struct {
	Code     health.Code
	Severity health.Severity
	Since    time.Time
}

// Sight is what the dashboard sees of a subject at one moment.
type Sight struct {
	Subject Subject
	Name    string // for people
	Broker  string // on which a room was heard last
	Faults  []Fault
	Closed  bool // nobody works there now
	Doubt   bool // what is seen may be old
}

// maxFaults is the most faults of one subject. A room lists its worst first.
const maxFaults = 20

// OfRoom is the sight of a room.
func OfRoom(r practice.Room) Sight {
	s := Sight{
		Subject: Subject{Site: r.ID.Site, Room: r.ID.Room}, Name: plain(r.Title()), Broker: r.Broker,
		Closed: r.Closed != nil,
		// That a room is silent is not doubted when its broker is back and the room is not.
		Doubt: r.Doubt != "" && r.State != practice.Silent,
	}
	if r.State == practice.Unknown {
		return s // nobody has said that it is a room of the practice
	}
	add := func(code health.Code, severity health.Severity, since time.Time) {
		known := slices.ContainsFunc(s.Faults, func(f Fault) bool { return f.Code == code })
		if !known && len(s.Faults) < maxFaults && isCode(code) {
			s.Faults = append(s.Faults, Fault{Code: code, Severity: severity, Since: since})
		}
	}
	switch r.State {
	case practice.Silent:
		add(Silent, own[Silent].Severity, cmp.Or(r.Heard, r.Since))
	case practice.Never:
		add(NeverHeard, own[NeverHeard].Severity, r.Since)
	}
	if r.WrongRecipients {
		add(Recipients, own[Recipients].Severity, r.Since)
	}
	if r.WrongKey {
		add(NewKey, own[NewKey].Severity, r.Since)
	}
	for _, a := range r.Alerts {
		if a.Severity != health.Note {
			add(a.Code, declared(a.Code).Severity, a.Since)
		}
	}
	return s
}

// OfLink is the sight of a broker.
func OfLink(l practice.Link) Sight {
	s := Sight{Subject: Subject{Broker: l.Broker}, Name: "Broker " + plain(l.Broker)}
	if !l.Up {
		s.Faults = []Fault{{Code: BrokerGone, Severity: own[BrokerGone].Severity, Since: l.Since}}
	}
	return s
}

// OfClocks is the sight of the dashboard's computer.
func OfClocks(c practice.Clocks, now time.Time) Sight {
	s := Sight{Name: "The dashboard's computer"}
	if c.Wrong {
		s.Faults = []Fault{{Code: ClockWrong, Severity: own[ClockWrong].Severity, Since: now}}
	}
	return s
}

// isCode reports whether a code can be trusted in a message. Units send codes, and so can whoever
// has a unit's account on the broker.
func isCode(code health.Code) bool {
	return code != "" && len(code) <= 40 && strings.Trim(string(code), "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// maxName is the most letters of a name.
const maxName = 80

// plain makes a name fit for the subject of a mail: one line, no control characters.
func plain(name string) string {
	letters := []rune(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, name))
	if len(letters) > maxName {
		letters = append(letters[:maxName-1], '…')
	}
	return strings.TrimSpace(string(letters))
}
