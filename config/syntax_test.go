package config

import (
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TOML refuses these lines. Each gives one problem, at its line, and reading goes on: every row
// also has an error in the last line of the minimal file.
func TestSyntaxErrors(t *testing.T) {
	dir, _ := folder(t)
	const last = `11 encrypt.recipients: is text, not a list; write recipients = \["practice.pub"\], between brackets`
	for _, r := range []row{
		{"no value", `id = "room-3"`, `id =`, []string{`3 room.id: .*`}},
		{"no quotes", `id = "room-3"`, `id = room-3`, []string{`3 room.id: without quotes; write id = "room-3"`}},
		{"no quotes, and again with", `id = "room-3"`, "id = room-3\nid = \"room-3\"", []string{`3 room.id: without quotes`}},
		{"no quotes, in a key that nobody knows", `id = "room-3"`, "id = \"room-3\"\nnmae = x",
			[]string{`4 room.nmae: without quotes`, `4 room.nmae: did you mean name`}},
		{"no quotes around a time", `id = "room-3"`, `id = 60m`,
			[]string{`3 room.id: text without quotes; write id = "60m"`}},
		{"quotes not closed", `id = "room-3"`, `id = "room-3`,
			[]string{`3 room.id: the text is not closed; close it in the same line`}},
		{"single quotes not closed", `id = "room-3"`, `id = 'room-3`, []string{`3 room.id: the text is not closed`}},
		{"lists without end", `id = "room-3"`, `id = ` + strings.Repeat("[", 20000),
			[]string{`3 room.id: nested too deep`}},
		{"half a number", `id = "room-3"`, `id = 0x`, []string{`3 room.id: this is not a number; write id = "0x"`}},
		{"a sign", `id = "room-3"`, `id = +`, []string{`3 room.id: this is not a number`}},
		{"no =", `id = "room-3"`, `id "room-3"`,
			[]string{`3 room.id: neither \[section\] nor key = value; write key = value`}},
		{"no = and no quotes", `line = "GPIO5"`, `line GPIO5`, []string{`5 button.line: neither`}},
		{"yes for true", `id = "room-3"`, `id = yes`, []string{`3 room.id: without quotes`}},
		{"a bad escape", `id = "room-3"`, `id = "C:\data"`, []string{`3 room.id: write \\\\ for a backslash`}},
		{"two on a line", `id = "room-3"`, `id = "room-3" name = "x"`,
			[]string{`3 room.id: something follows the value; give each key a line`}},
		{"a remark without #", `id = "room-3"`, `id = "room-3" // door on the left`,
			[]string{`3 room.id: start a comment with #`}},
		{"a line of words", `id = "room-3"`, `room three`, []string{
			`1 room.id: is missing`, // it is
			`3 room: neither \[section\] nor key = value; write key = value, or start a comment with #`}},
		{"a colon", `id = "room-3"`, `id: "room-3"`, []string{`3 room.id: neither`}},
		{"a NUL", `id = "room-3"`, "id = \"room\x00-3\"", []string{`3 room.id: .*`}},
		{"not UTF-8", `id = "room-3"`, "id = \"room-3\" # L\xe4rm", []string{`3 : not in UTF-8; save the file as UTF-8`}},
		{"header not closed", `[audio]`, `[audio`, []string{`8 audio: not closed; close it with \]`}},
		{"header not closed twice", `[[button]]`, `[[button]`, []string{`4 button: close it with \]\]`}},
		{"a header of nothing", `[audio]`, `[]`, []string{`8 : .*`}},
	} {
		t.Run(r.name, func(t *testing.T) {
			text := strings.Replace(edited(t, r), `["practice.pub"]`, `"practice.pub"`, 1)
			last := strings.Replace(last, "11", strconv.Itoa(strings.Count(text, "\n")), 1)
			_, _, err := Parse(filepath.Join(dir, "u.toml"), []byte(text))
			errs, _ := err.(Errors)
			matchAll(t, errs, append(r.expect, last))
		})
	}
}

// A list or a text that is never closed would swallow the rest of the file.
func TestUnclosedValues(t *testing.T) {
	dir, _ := folder(t)
	for name, text := range map[string]string{
		"list":             "[encrypt]\nrecipients = [\"practice.pub\"\n\n",
		"list in lines":    "[encrypt]\nrecipients = [\n  \"practice.pub\",\n",
		"text":             "[encrypt]\nrecipients = \"\"\"\n practice.pub\n",
		"text in a list":   "[encrypt]\nrecipients = ['''practice.pub,\n",
		"inline table":     "[encrypt]\nrecipients = {a = 1\n\n",
		"no comma in list": "[encrypt]\nrecipients = [\n \"a\"\n \"b\"\n]\n",
	} {
		t.Run(name, func(t *testing.T) {
			rest := strings.TrimSuffix(minimal, "[encrypt]\nrecipients = [\"practice.pub\"]\n")
			_, _, err := Parse(filepath.Join(dir, "u.toml"), []byte(text+rest+"rate = 5\n"))
			errs, _ := err.(Errors)
			expect := []string{`2 encrypt.recipients: not closed; close text with " and a list with \]`, `.*`}
			if name == "no comma in list" {
				expect[0] = `4 encrypt.recipients: not separated; put a comma`
			}
			if len(errs) != 2 {
				t.Fatalf("got %d problems, want 2:\n%v", len(errs), errs)
			}
			matchAll(t, errs[:1], expect[:1])
			if errs[1].Key != "audio.rate" || errs[1].Line != strings.Count(text+rest, "\n")+1 {
				t.Errorf("reading did not go on: %v", errs[1])
			}
		})
	}
}

func TestNotText(t *testing.T) {
	for name, c := range map[string]struct{ data, want string }{
		"too long":        {"#" + strings.Repeat("x", MaxFile), "1 : longer than 1048576 bytes; name a config file"},
		"UTF-16, cut off": {"\xff\xfe[\x00r", "1 : starts like UTF-16, but is cut off.*; save it as UTF-8"},
		"UTF-32":          {"\xff\xfe\x00\x00[\x00\x00\x00", "1 : UTF-32; save it as UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := Parse("u.toml", []byte(c.data))
			errs, _ := err.(Errors)
			matchAll(t, errs, []string{c.want})
			if errs.Unread() {
				t.Error("counts as a file that could not be read")
			}
		})
	}
}

func TestProblemsAreBounded(t *testing.T) {
	for name, text := range map[string]string{
		"unknown keys":  "[room]\n" + strings.Repeat("x", 1) + strings.Join(manyKeys(5000), "\n"),
		"broken lines":  strings.Repeat("!\n", 5000),
		"broken values": strings.Join(manyKeys(5000), "!\n"),
		"recipients":    "[encrypt]\nrecipients = [" + strings.Repeat("\"age1x\",", 5000) + "]\n",
	} {
		_, _, err := Parse("u.toml", []byte(text))
		errs, _ := err.(Errors)
		if len(errs) < maxProblems || len(errs) > maxProblems+1 {
			t.Errorf("%s: %d problems, want about %d", name, len(errs), maxProblems)
		}
	}
}

func manyKeys(n int) []string {
	keys := make([]string, n)
	for i := range keys {
		keys[i] = "x" + strings.Repeat("y", i%7) + string(rune('a'+i%26)) + strings.Repeat("z", i/26%100) + " = 1"
	}
	return keys
}
