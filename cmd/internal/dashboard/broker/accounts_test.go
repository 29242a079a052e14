package broker

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// passwordLine is a line of Mosquitto's password file.
func passwordLine(user, password string) string {
	salt := []byte("twelve bytes")
	hash, err := pbkdf2.Key(sha512.New, password, salt, 101, sha512.Size)
	if err != nil {
		panic(err)
	}
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s:$7$101$%s$%s\n", user, text(salt), text(hash))
}

// unitLines are a room's lines of the access list.
func unitLines(site, room string) string {
	return fmt.Sprintf("\nuser %s-%s\ntopic write tacet/%s/%s/#\ntopic write homeassistant/device/tacet_%s_%s/config\n"+
		"topic read homeassistant/status\n", site, room, site, room, site, room)
}

func TestRights(t *testing.T) {
	all, err := parseAccounts([]byte("# c\n"+passwordLine("a-1", "secret")+passwordLine("office", "x")),
		[]byte("# made\n"+unitLines("a", "1")+"\nuser office\ntopic read tacet/#\ntopic readwrite ha/+/x\n"+
			"\nuser nobody\ntopic readwrite #\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 || !all["a-1"].isRoom || all["a-1"].room.Room != "1" || all["office"].isRoom {
		t.Errorf("%+v", all)
	}
	if u := all["a-1"]; !u.is([]byte("secret")) || u.is([]byte("secret ")) || u.is(nil) {
		t.Error("passwords")
	}
	for _, c := range []struct {
		user, filter string
		write, want  bool
	}{
		{"a-1", "tacet/a/1/state", true, true}, {"a-1", "tacet/a/1/alert/x", true, true},
		{"a-1", "tacet/a/1", true, true}, // as the standard has it for #
		{"a-1", "tacet/a/2/state", true, false}, {"a-1", "tacet/a/1/state", false, false},
		{"a-1", "tacet/a/+/state", true, false}, {"a-1", "tacet/#", true, false}, {"a-1", "#", true, false},
		{"a-1", "homeassistant/status", false, true}, {"a-1", "homeassistant/status", true, false},
		{"a-1", "homeassistant/+", false, false}, {"a-1", "$SYS/broker", false, false},
		{"office", "tacet/#", false, true}, {"office", "tacet/a/#", false, true}, {"office", "tacet/+/1/state", false, true},
		{"office", "#", false, false}, {"office", "+/a", false, false}, {"office", "$SYS/#", false, false},
		{"office", "ha/y/x", true, true}, {"office", "ha/+/x", false, true}, {"office", "ha/#", false, false},
		{"office", "ha/y/z/x", true, false},
	} {
		if got := all[c.user].may(c.filter, c.write); got != c.want {
			t.Errorf("%s on %s, write %v: %v", c.user, c.filter, c.write, got)
		}
	}
	if covers("#", "$SYS/x") || !covers("#", "a/b") || !covers("+", "a") || covers("+", "a/b") || covers("a", "+") {
		t.Error("filters")
	}
}

func TestDamagedLists(t *testing.T) {
	good := passwordLine("a", "x")
	for name, c := range map[string][2]string{
		"no hash":        {"a:x\n", ""},
		"rounds":         {strings.Replace(good, "$101$", "$99999999$", 1), ""},
		"short hash":     {"a:$7$101$AAAA$AAAA\n", ""},
		"another scheme": {strings.Replace(good, "$7$", "$6$", 1), ""},
		"pattern":        {good, "pattern write tacet/%u/#\n"},
		"no user":        {good, "topic read #\n"},
		"deny":           {good, "user a\ntopic deny x\n"},
		"filter":         {good, "user a\ntopic read a/#/b\n"},
	} {
		if _, err := parseAccounts([]byte(c[0]), []byte(c[1])); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func FuzzAccounts(f *testing.F) {
	f.Add(passwordLine("a", "x"), unitLines("a", "1"))
	f.Add("a:$7$$$\n", "user a\ntopic\n")
	f.Fuzz(func(t *testing.T, passwords, list string) {
		all, err := parseAccounts([]byte(passwords), []byte(list))
		for _, a := range all {
			if err == nil && (a.rounds > maxRounds || a.may("$SYS/x", true) && !strings.Contains(list, "$SYS")) {
				t.Errorf("%+v", a)
			}
		}
	})
}
