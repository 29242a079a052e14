package cmd_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tacet/config"
)

// values are, for keys of the configuration, the smallest, largest and oddest values. The
// configuration may refuse any of them. What it accepts, the part that uses the value must accept
// too. A store's key stands with the store's kind, or "*" for any. $DIR is a folder with a file for
// each that the example names, and "with space", "ä", "%41" and "a'b".
var values = map[string][]string{
	"room.site": {`"a"`, `"-"`, `"---"`, `"0"`, `"a-0"`, `"` + strings.Repeat("a", 32) + `"`,
		`"` + strings.Repeat("a", 33) + `"`, `"A"`, `"a.b"`, `"a/b"`, `"ä"`, `""`, `"a b"`, `"a+b"`},
	"room.id": {`"a"`, `"-"`, `"--a"`, `"0"`, `"` + strings.Repeat("9", 32) + `"`, `"a_b"`, `"#"`, `"+"`},
	"room.name": {`""`, `" "`, `"` + strings.Repeat("ä", 100) + `"`,
		`"` + strings.Repeat("🎙", 100) + `"`,
		`"{{ value }} \"quoted\" <b>"`, `"'"`, `"100 %"`, `"a\u00a0b"`,
		`"a\u200bb"`, `"\ufeff"`, `"\ufffd"`},
	"unit.key": folders,
	"consent.notice": {`""`, `"` + strings.Repeat("\u00e4", 100) + `"`,
		`"` + strings.Repeat("<", 100) + `"`, `"\\"`, `"\u2028"`},
	"consent.purpose": {`""`, `"` + strings.Repeat("🎙", 500) + `"`,
		`"` + strings.Repeat("\\\"", 500) + `"`, `"` + strings.Repeat("&", 500) + `"`},
	"consent.max":   {`"1s"`, `"59s"`, `"90m"`, `"12h"`, `"999ms"`, `"12h1s"`, `"0s"`, `"-1m"`, `45`},
	"consent.quiet": {`"0s"`, `"1s"`, `"10s"`, `"60m"`, `"12h"`, `"1ms"`, `"13h"`, `"-1s"`},
	"button.party":  {`"a"`, `"-"`, `"` + strings.Repeat("a", 32) + `"`, `"clinician"`, `"room"`, `"a1"`},
	"button.line": {`"GPIO0"`, `"GPIO9"`, `"GPIO27"`, `"gpiochip0:5"`, `"gpiochip0:7"`, `"gpiochip1:0"`,
		`"gpiochip1:3"`, `"GPIO05"`, `"J8:29"`, `"pinctrl:5"`, `"gpiochip0:05"`, `"5"`},
	"button.active":       levels,
	"button.style":        {`"latching"`, `"Momentary"`, `""`},
	"button.debounce":     {`"1ms"`, `"100ms"`, `"999us"`, `"0s"`},
	"light.line":          lines,
	"light.active":        levels,
	"light.sense":         lines,
	"light.sense_active":  levels,
	"status_light.line":   lines,
	"status_light.active": levels,
	"door.line":           lines,
	"door.active":         levels,
	"buzzer.line":         lines,
	"buzzer.active":       levels,
	"buzzer.repeat":       {`"10s"`, `"1m"`, `"12h"`, `"9s"`, `"1ms"`, `"-1s"`, `10`},
	"audio.device": {`"default"`, `"hw"`, `"hw:0"`, `"hw:1,0"`, `"plughw:CARD=Device,DEV=0"`, `"sysdefault:CARD=Device"`,
		`"dsnoop:CARD=Device,DEV=0"`, `"plug:'hw:CARD=Device'"`, `"hw:CARD=Ä,DEV=0"`, `"` + strings.Repeat("a", 255) + `"`,
		`"` + strings.Repeat("a", 256) + `"`, `"a\u0000b"`, `"a\nb"`, `""`, `" "`, `"file:x,raw"`, `"hw:CARD=“Device”"`},
	"audio.rate": {`8000`, `11025`, `12000`, `16000`, `22050`, `24000`, `32000`, `44100`, `96000`, `192000`,
		`0`},
	"audio.channels":     {`2`, `0`, `3`},
	"audio.codec":        {`"flac"`, `"wav"`, `"mp3"`},
	"audio.bitrate":      {`6000`, `256000`, `5999`, `256001`},
	"encrypt.recipients": {`["$DIR/practice.pub"]`, `["./practice.pub"]`, `[]`, `[""]`, `["none.pub"]`, `"practice.pub"`},
	"spool.path":         folders,
	"spool.reserve":      {`"0s"`, `"1ms"`, `"1m"`, `"1000h"`, `"1000h1s"`, `"-1h"`, `2`},
	"spool.release":      {`"any"`, `"never"`, `"All"`, `"none"`, `""`},
	"store.*.name":       {`"a"`, `"-"`, `"0"`, `"` + strings.Repeat("a", 32) + `"`, `"A"`, `"a.b"`, `"office"`},
	"store.drive.label":  {`"a"`, `"ROOM 3 A"`, `"` + strings.Repeat("A", 16) + `"`, `"-"`, `"ä"`, `""`, `"a\"b"`},
	"store.drive.keep":   {`"0d"`, `"1s"`, `"1d"`, `"36500d"`, `"100000d"`, `"-1d"`, `30`},
	"store.folder.path": {`"/mnt"`, `"/mnt/a b"`, `"/mnt/ä/%41"`, `"/mnt/a/../b/"`, `"//nas/share"`, `"mnt/nas"`, `""`,
		`"smb://nas/share"`, `"~/nas"`, `"/var/lib/tacet/spool/a"`, `"/var/lib"`, `"/mnt/a\u0000b"`, `"/mnt/a\nb"`},
	"store.folder.unmounted_ok": flags,
	"store.sftp.url": {`"sftp://u@h/"`, `"sftp://u@h:22/p"`, `"sftp://u@h:65535/p"`,
		`"sftp://u@[::1]/p"`, `"sftp://u@[fe80::1%25lo]:2222/p"`, `"sftp://a%20b@h/c%20d"`, `"sftp://u@h/100%25"`,
		`"sftp://u@h/ä"`, `"sftp://u%40d@h/p"`, `"sftp://u@h/a/../b"`, `"sftp://u@h//p"`, `"sftp://u@h/p?x"`,
		`"sftp://u@h/%00"`, `"sftp://u@H.LAN/p"`, `"sftp://u@192.0.2.1/p"`, `"sftp://u@fd00::1/p"`, `"sftp://u@h:/p"`,
		`"sftp://@h/p"`},
	"store.sftp.key":         paths,
	"store.sftp.known_hosts": paths,
	"store.s3.endpoint": {`"http://s3.lan"`, `"https://s3.lan/"`, `"https://192.0.2.1:9000"`, `"https://[::1]:9000"`,
		`"https://s3.amazonaws.com"`, `"https://s3.eu-west-1.amazonaws.com"`, `"https://S3.LAN:65535"`, `"https://[fe80::1%25lo]"`,
		`"https://s3.lan:0"`, `"https://s3.lan/tacet"`, `"https://u:p@s3.lan"`, `"ftp://s3.lan"`, `"s3.lan"`, `""`},
	"store.s3.bucket": {`"abc"`, `"a-b.c"`, `"` + strings.Repeat("a", 63) + `"`, `"ab"`, `"A"`, `"a_b"`, `"-ab"`,
		`"my..bucket"`, `"a.-b"`, `"a-.b"`, `"192.168.1.1"`, `"1.2.3.4.5"`, `"xn--abc"`},
	"store.s3.prefix": {`""`, `"a"`, `"a/b/c/"`, `"a=b/"`, `"A_b-c.d/"`, `"/a"`, `"a//b"`, `"../a/"`,
		`"` + strings.Repeat("a", 199) + `/"`},
	"store.s3.region":          {`"a"`, `"EU"`, `"` + strings.Repeat("a", 64) + `"`, `""`},
	"store.s3.access_key_file": paths,
	"store.s3.secret_key_file": paths,
	"store.s3.path_style":      flags,
	"store.s3.ca":              paths,
	"store.s3.lock":            {`"1s"`, `"36500d"`, `"36501d"`, `"-1d"`},
	"card.ask": {`""`, `" "`, `"` + strings.Repeat("ä", 200) + `"`, `"` + strings.Repeat("a", 201) + `"`, `"<b>{max}"`,
		`"a\nb"`},
	"card.kept": {`""`, `"."`, `"` + strings.Repeat("🎙", 100) + `"`, `"</p>"`, `"ten\u00a0years"`},
	"card.help": {`"http://h"`, `"https://h/"`, `"https://h/a?b=c"`, `"https://h/#units"`, `"https://[::1]:1/"`,
		`"https://h/%41%20b"`, `"ftp://h"`, `"h"`, `""`, `"https://u:p@h"`},
	"mqtt.broker": {`"mqtt://broker.lan"`, `"mqtts://broker.lan"`, `"mqtts://broker.lan/"`,
		`"mqtts://[::1]:8883"`, `"mqtt://192.0.2.1:1"`, `"mqtts://BROKER.lan:65535"`, `"mqtts://[fe80::1%25lo]"`,
		`"mqtts://[fe80::1%25lo]:8883"`, `"mqtts://fd00::1"`, `"mqtts://h%20x"`, `"mqtts://u@h"`, `"mqtts://h/x"`,
		`"ws://h"`, `"mqtts://h?x"`},
	"mqtt.username": {`""`, `"Zimmer 3 ü"`, `"` + strings.Repeat("ü", 100) + `"`, `"` + strings.Repeat("ü", 101) + `"`,
		`"a\u0001b"`, `"  "`},
	"mqtt.password_file": paths,
	"mqtt.ca":            paths,
	"mqtt.cert":          paths,
	"mqtt.client_key":    paths,
	"mqtt.homeassistant": {`""`, `"ha"`, `"a/b/c/d"`, `"a_b-c"`, `"` + strings.Repeat("a", 64) + `"`,
		`"home.assistant"`, `"a#"`, `"+"`, `"/a"`, `"a/"`, `"$SYS"`},
}

// Values of several keys.
var (
	levels = []string{`"low"`, `"high"`, `"Low"`, `"1"`, `1`, `""`}
	flags  = []string{`true`, `false`, `"yes"`, `1`}
	lines  = []string{`"GPIO0"`, `"GPIO16"`, `"gpiochip0:17"`, `"gpiochip1:0"`, `"GPIO28"`, `"GPIO57"`, `"GPIO5"`, `"GPIO016"`,
		`"Pin 36"`, `16`, `""`}
	// paths are of files that a part reads.
	paths = []string{`"$DIR/with space"`, `"$DIR/ä"`, `"$DIR/%41"`, `"$DIR/a'b"`, `"$DIR//x/../ä"`, `"with space"`, `""`,
		`"~/ä"`, `'C:\ä'`, `"file://$DIR/ä"`, `"$DIR/a\u0000b"`, `"$DIR/a\nb"`}
	// folders are of files and folders that only a unit has.
	folders = []string{`"/srv/a"`, `"/srv/a b"`, `"/srv/ä/%41"`, `"/srv//a/../b"`, `"/mnt/x\\y"`, `"srv/a"`, `""`, `"~/a"`,
		`'C:\a'`, `"/srv/a\u0000b"`, `"/srv/a\nb"`}
)

// untried are the keys without values, and why.
var untried = map[string]string{
	"office.key":   "nothing here is signed: config's own tests try it, with the lists that it belongs to",
	"store.*.kind": "the example has a store of each kind, and config refuses any other word",
}

// Every key has values here, so that a new one is not forgotten.
func TestEveryKeyIsTried(t *testing.T) {
	sections, err := config.Sections()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, s := range sections {
		for _, k := range s.Keys {
			address := address(s.Name, s.Kind, k.Name)
			known[address] = true
			if (len(values[address]) == 0) == (untried[address] == "") {
				t.Errorf("%s needs values here, or a reason why it has none", address)
			}
		}
	}
	for _, address := range append(slices.Collect(maps.Keys(values)), slices.Collect(maps.Keys(untried))...) {
		if !known[address] {
			t.Errorf("the configuration has no %s", address)
		}
	}
	if len(known) < 50 {
		t.Errorf("only %d keys are known", len(known))
	}
}

// address names a key.
func address(section, kind, key string) string {
	switch {
	case section != "store":
		return section + "." + key
	case key == "name" || key == "kind":
		return "store.*." + key
	}
	return "store." + kind + "." + key
}

// line finds the line of a key in the example, in the first section that has it.
func line(t *testing.T, text, address string) (from, to int) {
	t.Helper()
	part := strings.Split(address, ".")
	start := "\n[" + part[0] + "]\n"
	switch {
	case part[0] == "button":
		start = "\n[[button]]\n"
	case part[0] == "store" && part[1] == "*":
		start = "\n[[store]]\n"
	case part[0] == "store":
		start = fmt.Sprintf("= %q\n", part[1])
	}
	return find(t, text, strings.Index(text, start), part[len(part)-1])
}

func find(t *testing.T, text string, at int, key string) (from, to int) {
	t.Helper()
	found := regexp.MustCompile(`(?m)^` + key + ` *=.*$`).FindStringIndex(text[max(at, 0):])
	if at < 0 || found == nil {
		t.Fatalf("the example has no %s where it is looked for", key)
	}
	return at + found[0], at + found[1]
}

func TestPartsAcceptWhatTheConfigAccepts(t *testing.T) {
	dir := t.TempDir()
	recipient := newRecipient(t)
	for _, name := range []string{"practice.pub", "s3_access", "s3_secret", "sftp_key", "known_hosts", "mqtt_password",
		"ca.pem", "client.pem", "client.key", "with space", "ä", "%41", "a'b"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(recipient+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	base := strings.ReplaceAll(example, `"/etc/tacet/`, `"`+dir+`/`)
	accepted, refused := 0, 0
	for address, list := range values {
		from, to := line(t, base, address)
		one := 0
		for _, value := range append([]string{""}, list...) {
			t.Run(address+" as "+fmt.Sprintf("%.40s", value), func(t *testing.T) {
				text := base
				if value != "" {
					key, _, _ := strings.Cut(base[from:to], "=")
					text = base[:from] + key + "= " + strings.ReplaceAll(value, "$DIR", dir) + base[to:]
				}
				cfg, _, err := config.Parse(filepath.Join(dir, "tacet.toml"), []byte(text))
				if err != nil {
					refused++
					return
				}
				accepted, one = accepted+1, one+1
				for part, err := range use(t, cfg) {
					if err != nil {
						t.Errorf("%s refuses what the configuration accepts: %v", part, err)
					}
				}
			})
		}
		if one < 2 { // one is the example's
			t.Errorf("every value of %s is refused", address)
		}
	}
	if accepted < 200 || refused < 100 {
		t.Errorf("%d values were accepted and %d refused: the test is broken", accepted, refused)
	}
}
