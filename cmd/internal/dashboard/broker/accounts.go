package broker

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"tacet/daemon/topic"
)

const (
	// maxAccounts is more than a practice has rooms.
	maxAccounts = 20_000
	// maxRounds limits how long a hostile password file could make us compute.
	maxRounds = 1_000_000
)

// right is one line of the access list.
type right struct {
	filter      string
	read, write bool
}

// account is a user of the broker.
type account struct {
	name   string
	hash   []byte
	salt   []byte
	rounds int
	rights []right
	// room is the room that this account belongs to, if it is a unit's: it may publish on that room's
	// topics.
	room   topic.Names
	isRoom bool
}

// parseAccounts reads the two files that "tacet provision" writes for Mosquitto: the password file
// and the access list. It understands what those hold, and nothing else.
func parseAccounts(passwords, list []byte) (map[string]*account, error) {
	all := map[string]*account{}
	n := 0
	for line := range strings.Lines(string(passwords)) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		a, err := parsePassword(line)
		if err != nil {
			return nil, fmt.Errorf("password file, line %d: %w", n, err)
		}
		if len(all) == maxAccounts {
			return nil, fmt.Errorf("password file: there are more than %d accounts", maxAccounts)
		}
		all[a.name] = a
	}
	n = 0
	var current *account
	for line := range strings.Lines(string(list)) {
		n++
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		kind, rest, _ := strings.Cut(line, " ")
		switch rest = strings.TrimSpace(rest); {
		case kind == "user":
			if current = all[rest]; current == nil {
				current = &account{} // without a password nobody can be it
			}
		case kind == "topic" && current != nil:
			r, err := parseRight(rest)
			if err != nil {
				return nil, fmt.Errorf("access list, line %d: %w", n, err)
			}
			current.add(r)
		default:
			return nil, fmt.Errorf("access list, line %d: %q is not a line of \"tacet provision\"", n, kind)
		}
	}
	return all, nil
}

// parsePassword reads USER:$7$ROUNDS$SALT$HASH.
func parsePassword(line string) (*account, error) {
	name, rest, _ := strings.Cut(line, ":")
	parts := strings.Split(rest, "$")
	if name == "" || len(parts) != 5 || parts[0] != "" || parts[1] != "7" {
		return nil, errors.New("write a line as mosquitto_passwd does, USER:$7$…")
	}
	a := &account{name: name}
	var err1, err2, err3 error
	a.rounds, err1 = strconv.Atoi(parts[2])
	a.salt, err2 = base64.StdEncoding.DecodeString(parts[3])
	a.hash, err3 = base64.StdEncoding.DecodeString(parts[4])
	if err := errors.Join(err1, err2, err3); err != nil || a.rounds < 1 || a.rounds > maxRounds ||
		len(a.hash) != sha512.Size {
		return nil, fmt.Errorf("the password of %q is damaged", name)
	}
	return a, nil
}

func parseRight(text string) (right, error) {
	how, filter, both := strings.Cut(text, " ")
	if !both {
		how, filter = "readwrite", text
	}
	r := right{filter: strings.TrimSpace(filter)}
	switch how {
	case "read":
		r.read = true
	case "write":
		r.write = true
	case "readwrite":
		r.read, r.write = true, true
	default:
		return r, fmt.Errorf("%q is none of read, write and readwrite", how)
	}
	if !validFilter(r.filter) {
		return r, fmt.Errorf("%q is not a topic filter", r.filter)
	}
	return r, nil
}

var roomRight = regexp.MustCompile(`^tacet/([a-z0-9-]{1,32})/([a-z0-9-]{1,32})/#$`)

func (a *account) add(r right) {
	a.rights = append(a.rights, r)
	if m := roomRight.FindStringSubmatch(r.filter); m != nil && r.write && !r.read {
		a.room, a.isRoom = topic.Names{Site: m[1], Room: m[2]}, true
	}
}

// is reports whether the password is the account's.
func (a *account) is(password []byte) bool {
	got, err := pbkdf2.Key(sha512.New, string(password), a.salt, a.rounds, sha512.Size)
	return err == nil && subtle.ConstantTimeCompare(got, a.hash) == 1
}

// may reports whether the account may publish on a topic or, with read, subscribe to a filter or get
// a message of a topic.
func (a *account) may(filter string, write bool) bool {
	for _, r := range a.rights {
		if (write && r.write || !write && r.read) && covers(r.filter, filter) {
			return true
		}
	}
	return false
}

// covers reports whether every topic that filter selects is also selected by wide.
func covers(wide, filter string) bool {
	w, f := strings.Split(wide, "/"), strings.Split(filter, "/")
	for i, level := range w {
		switch {
		case level == "#":
			return !strings.HasPrefix(f[0], "$") || i > 0
		case i >= len(f) || f[i] == "#":
			return false
		case level == "+" || level == f[i]:
		default:
			return false
		}
	}
	return len(w) == len(f)
}

func validFilter(filter string) bool {
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		if level == "#" && i != len(levels)-1 || len(level) > 1 && strings.ContainsAny(level, "+#") {
			return false
		}
	}
	return filter != "" && len(filter) <= 256
}
