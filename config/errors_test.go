package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// row changes one line of the minimal file, and lists every problem that must result, as "line key:
// pattern". The pattern matches what is wrong and what to write instead.
type row struct {
	name   string
	old    string // a line of the minimal file, or "" to append
	new    string
	expect []string
}

func edited(t *testing.T, r row) string {
	t.Helper()
	if r.old == "" {
		return minimal + "\n" + r.new + "\n" // r.new stands on line 13
	}
	if !strings.Contains(minimal, r.old+"\n") {
		t.Fatalf("the minimal file has no line %q", r.old)
	}
	return strings.Replace(minimal, r.old+"\n", r.new+"\n", 1)
}

func checkErrors(t *testing.T, rows []row) {
	dir, _ := folder(t)
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			_, _, err := Parse(filepath.Join(dir, "u.toml"), []byte(edited(t, r)))
			errs, _ := err.(Errors)
			matchAll(t, errs, r.expect)
		})
	}
}

// matchAll checks that exactly these problems were reported, in this order, and that each is
// complete.
func matchAll(t *testing.T, got []Problem, expect []string) {
	t.Helper()
	// Every file without an office gets a warning about it; TestOfficeKey checks that.
	got = slices.DeleteFunc(slices.Clone(got), func(p Problem) bool { return p.Key == "office" })
	for i, p := range got {
		if p.File == "" || p.Line == 0 || p.What == "" || p.Instead == "" {
			t.Errorf("incomplete: %#v", p)
		}
		if strings.HasSuffix(p.What, ".") || strings.HasSuffix(p.Instead, ".") || strings.Contains(p.String(), "\n") {
			t.Errorf("ends with a full stop, or has several lines: %v", p)
		}
		if i >= len(expect) {
			t.Errorf("not expected: %v", p)
			continue
		}
		where, pattern, _ := strings.Cut(expect[i], ": ")
		line, key, _ := strings.Cut(where, " ")
		text := strings.TrimPrefix(p.String(), p.Where()+": ")
		if p.Key != "" {
			text = strings.TrimPrefix(text, p.Key+": ")
		}
		at := p.Where()[strings.LastIndexByte(p.Where(), ':')+1:]
		if at != line || p.Key != key || !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("got  %s %s: %s\nwant %s", at, p.Key, text, expect[i])
		}
	}
	for _, missing := range expect[min(len(got), len(expect)):] {
		t.Errorf("not reported: %s", missing)
	}
}

func TestErrorsOfEachSection(t *testing.T) {
	checkErrors(t, []row{
		{"site with capitals and a space", `site = "high-street"`, `site = "High Street"`,
			[]string{`2 room.site: "High Street" is not .*; write site = "high-street": 1 to 32 of`}},
		{"site too long", `site = "high-street"`, `site = "` + strings.Repeat("a", 33) + `"`,
			[]string{`2 room.site: right form; write 1 to 32`}},
		{"site with a slash", `site = "high-street"`, `site = "a/b"`, []string{`2 room.site: right form`}},
		{"site empty", `site = "high-street"`, `site = ""`, []string{`2 room.site: "" is not`}},
		{"site missing", `site = "high-street"`, ``, []string{`1 room.site: is missing; write site = "high-street"`}},
		{"id is a number", `id = "room-3"`, `id = 3`,
			[]string{`3 room.id: is a number, not text; write id = .*in quotes`}},
		{"id ends in a line end", `id = "room-3"`, `id = "room-3\n"`, []string{`3 room.id: control character U\+000A`}},
		{"name too long", `id = "room-3"`, "id = \"room-3\"\nname = \"" + strings.Repeat("ä", 101) + `"`,
			[]string{`4 room.name: is 101 characters long; write at most 100`}},
		{"name that turns the text around", `id = "room-3"`, "id = \"room-3\"\nname = \"a\u202eb\"",
			[]string{`4 room.name: control character U\+202E`}},
		{"name in two lines", `id = "room-3"`, "id = \"room-3\"\nname = \"a\u2028b\"",
			[]string{`4 room.name: control character U\+2028`}},
		{"unit key relative", "", "[unit]\nkey = \"unit.key\"",
			[]string{`14 unit.key: "unit.key" is not an absolute path; write the whole path`}},

		{"max too long", "", "[consent]\nmax = \"13h\"",
			[]string{`14 consent.max: "13h" is too long; write a time between "1s" and "12h"`}},
		{"max too short", "", "[consent]\nmax = \"999ms\"", []string{`14 consent.max: too short`}},
		{"max without a unit", "", "[consent]\nmax = 60",
			[]string{`14 consent.max: is a number, but a duration needs a unit; write max = "60m", in quotes`}},
		{"max in words", "", "[consent]\nmax = \"an hour\"", []string{`14 consent.max: not a duration; .*"30d"`}},
		{"max negative", "", "[consent]\nmax = \"-5m\"", []string{`14 consent.max: not a duration`}},
		{"quiet too short", "", "[consent]\nquiet = \"999ms\"",
			[]string{`14 consent.quiet: is short.*; write "10s" or more`}},

		{"no line", `line = "GPIO5"`, ``, []string{`4 button.line: is missing; write line = "GPIO5"`}},
		{"line by number", `line = "GPIO5"`, `line = 5`,
			[]string{`5 button.line: is a number, not text; write line = "GPIO5" if that is the GPIO's number; pin 5 of the header is GPIO3`}},
		{"line in small letters", `line = "GPIO5"`, `line = "gpio5"`,
			[]string{`5 button.line: not a GPIO line; did you mean "GPIO5"`}},
		{"line as nonsense", `line = "GPIO5"`, `line = "left"`,
			[]string{`5 button.line: "left" is not a GPIO line; write it as "GPIO5", or as chip and number`}},
		{"line in use", `line = "GPIO5"`, `line = "GPIO27"`,
			[]string{`7 light.line: GPIO27 is already used by button.line on line 5; give each`}},
		{"line in use by its chip", `line = "GPIO5"`, `line = "gpiochip0:27"`,
			[]string{`7 light.line: GPIO27 is already used`}},
		{"sense on the light's own line", `line = "GPIO27"`, "line = \"GPIO27\"\nsense = \"GPIO27\"",
			[]string{`8 light.sense: already used by light.line on line 7`}},
		{"door and status light on one line", "", "[door]\nline = \"GPIO6\"\n[status_light]\nline = \"GPIO6\"",
			[]string{`14 door.line: already used by status_light.line on line 16`}},
		{"buzzer on the light's line", "", "[buzzer]\nline = \"GPIO27\"",
			[]string{`14 buzzer.line: GPIO27 is already used by light.line|already used by light.line`}},
		{"buzzer without a line", "", "[buzzer]", []string{`13 buzzer.line: is missing; write line = "GPIO24"`}},
		{"buzzer every second", "", "[buzzer]\nline = \"GPIO24\"\nrepeat = \"1s\"",
			[]string{`15 buzzer.repeat: "1s" is too short; write "10s" or more, or "0s"`}},
		{"buzzer's repeat without a unit", "", "[buzzer]\nline = \"GPIO24\"\nrepeat = 60",
			[]string{`15 buzzer.repeat: is a number, but a duration needs a unit; write repeat = "60s"`}},
		{"buzzer's repeat switched off", "", "[buzzer]\nline = \"GPIO24\"\nrepeat = false",
			[]string{`15 buzzer.repeat: .*write repeat = "0s"`}},
		{"status light without a line", "", "[status_light]", []string{`13 status_light.line: is missing`}},
		{"style misspelt", `line = "GPIO5"`, "line = \"GPIO5\"\nstyle = \"momentry\"",
			[]string{`6 button.style: can't be "momentry"; did you mean "momentary"`}},
		{"active misspelt", `line = "GPIO27"`, "line = \"GPIO27\"\nactive = \"hi\"",
			[]string{`8 light.active: can't be "hi"; write one of "low", "high"`}},
		{"debounce too long", `line = "GPIO5"`, "line = \"GPIO5\"\ndebounce = \"1s\"",
			[]string{`6 button.debounce: too long; .*"100ms"`}},
		{"debounce zero", `line = "GPIO5"`, "line = \"GPIO5\"\ndebounce = \"0s\"", []string{`6 button.debounce: too short`}},
		{"party with a digit", `line = "GPIO5"`, "line = \"GPIO5\"\nparty = \"patient1\"",
			[]string{`6 button.party: right form; write .*"patient"`}},
		{"two buttons, one party", "", "[[button]]\nline = \"GPIO6\"\nparty = \"patient\"",
			[]string{`4 button.party: is missing; write party = "patient"`}},
		{"two buttons of one party", `line = "GPIO5"`,
			"line = \"GPIO5\"\nparty = \"a\"\n[[button]]\nline = \"GPIO6\"\nparty = \"a\"",
			[]string{`9 button.party: "a" already has a button, on line 6`}},
		{"nine buttons", "", manyButtons(8),
			[]string{`4 button.party: is missing`, `34 button: there are 9 buttons; write at most 8`}},
		{"text without end", `id = "room-3"`, "id = \"room-3\"\nname = \"" + strings.Repeat("a", maxText+1) + `"`,
			[]string{`4 room.name: is 4097 bytes long; write at most 4096`}},
		{"one bracket", `[[button]]`, `[button]`, []string{`4 button: there can be several.*; write \[\[button\]\]`}},
		{"two brackets", `[room]`, `[[room]]`, []string{`1 room: only one of these; write \[room\]`}},

		{"no device", `device = "hw:CARD=Device,DEV=0"`, ``,
			[]string{`8 audio.device: is missing; write device = .*tacetd doctor`}},
		{"empty device", `device = "hw:CARD=Device,DEV=0"`, `device = ""`, []string{`9 audio.device: is empty`}},
		{"rate that opus lacks", `[encrypt]`, "rate = 44100\n[encrypt]",
			[]string{`10 audio.rate: opus has no rate of 44100; write one of 8000 12000 16000 24000 48000`}},
		{"rate that wav lacks", `[encrypt]`, "rate = 44101\ncodec = \"wav\"\n[encrypt]",
			[]string{`10 audio.rate: wav has no rate of 44101; write one of 8000 .*44100`}},
		{"rate as text", `[encrypt]`, "rate = \"48000\"\n[encrypt]",
			[]string{`10 audio.rate: is text, not a number; write rate = 48000, without quotes`}},
		{"rate beyond all bounds", `[encrypt]`, "rate = 99999999999999999999\n[encrypt]",
			[]string{`10 audio.rate: is too large`}},
		{"three channels", `[encrypt]`, "channels = 3\n[encrypt]",
			[]string{`10 audio.channels: there can't be 3; write 1 or 2`}},
		{"codec that nobody has", `[encrypt]`, "codec = \"mp3\"\n[encrypt]",
			[]string{`10 audio.codec: can't be "mp3"; write one of "opus", "flac", "wav"`}},
		{"bitrate too low", `[encrypt]`, "bitrate = 5999\n[encrypt]",
			[]string{`10 audio.bitrate: is 5999; write bits a second, between 6000 and 256000`}},
		{"bitrate too high", `[encrypt]`, "bitrate = 256001\n[encrypt]", []string{`10 audio.bitrate: is 256001`}},

		{"spool relative", "", "[spool]\npath = \"spool\"", []string{`14 spool.path: "spool" is not an absolute path`}},
		{"reserve nonsense", "", "[spool]\nreserve = \"2 hours\"", []string{`14 spool.reserve: not a duration`}},
		{"release nonsense", "", "[spool]\nrelease = \"some\"",
			[]string{`14 spool.release: can't be "some"; write one of "all", "any", "never"`}},
	})
}

func TestErrorsOfStores(t *testing.T) {
	const sftp = "[[store]]\nname = \"office\"\nkind = \"sftp\"\nkey = \"/k\"\nknown_hosts = \"/h\"\nurl = "
	const s3 = "[[store]]\nname = \"v\"\nkind = \"s3\"\nbucket = \"tacet\"\n" +
		"access_key_file = \"/a\"\nsecret_key_file = \"/s\"\nendpoint = "
	checkErrors(t, []row{
		{"store without anything", "", "[[store]]",
			[]string{`13 store.name: is missing`, `13 store.kind: is missing; write kind = "drive", "folder"`}},
		{"nine stores", "", manyStores(9), []string{`37 store: there are 9 stores; write at most 8`}},
		{"store of no kind", "", "[[store]]\nname = \"a\"\nkind = \"ftp\"",
			[]string{`15 store.kind: can't be "ftp"; did you mean "sftp"`}},
		{"two of one name", "", "[[store]]\nname = \"a\"\nkind = \"drive\"\n[[store]]\nname = \"a\"\nkind = \"drive\"",
			[]string{`17 store.name: "a" is already a store, on line 14`}},
		{"name with a capital", "", "[[store]]\nname = \"A\"\nkind = \"drive\"", []string{`14 store.name: right form`}},
		{"key of another kind", "", "[[store]]\nname = \"a\"\nkind = \"drive\"\nendpoint = \"x\"",
			[]string{`16 store.endpoint: a store of kind drive has no such key; it goes with kind s3`}},
		{"label too long", "", "[[store]]\nname = \"a\"\nkind = \"drive\"\nlabel = \"abcdefghijklmnopq\"",
			[]string{`16 store.label: right form`}},
		{"label with a space at its end", "", "[[store]]\nname = \"a\"\nkind = \"drive\"\nlabel = \"TACET \"",
			[]string{`16 store.label: right form; .*spaces between them`}},
		{"folder without path", "", "[[store]]\nname = \"a\"\nkind = \"folder\"", []string{`13 store.path: is missing`}},
		{"folder relative", "", "[[store]]\nname = \"a\"\nkind = \"folder\"\npath = \"nas\"",
			[]string{`16 store.path: absolute path`}},
		{"folder in the spool", "", "[[store]]\nname = \"a\"\nkind = \"folder\"\npath = \"/var/lib/tacet/spool/copies\"",
			[]string{`16 store.path: inside one another; put copies on another disk`}},
		{"two in one folder", "", "[[store]]\nname = \"a\"\nkind = \"folder\"\npath = \"/n\"\n[[store]]\nname = \"b\"\nkind = \"folder\"\npath = \"/n/\"", []string{`20 store.path: /n is already a store, on line 16`}},
		{"two at one URL", "", sftp + "\"sftp://u@h/p\"\n" + strings.Replace(sftp, "office", "b", 1) + `"sftp://u@H:22/p/"`,
			[]string{`24 store.url: sftp://u@h/p is already a store, on line 18; give each its own folder`}},
		{"two at one URL but for the user", "",
			sftp + "\"sftp://u@h/p\"\n" + strings.Replace(sftp, "office", "b", 1) + "\"sftp://w@h/p\"\nx = 1",
			[]string{`25 store.x: no such key`}},
		{"two at one prefix", "", s3 + "\"https://h\"\nprefix = \"a/\"\n" + strings.Replace(s3, `"v"`, `"w"`, 1) +
			"\"https://H:443\"\nprefix = \"a/\"",
			[]string{`24 store.bucket: https://h/tacet/a/ is already a store, on line 16; give each its own prefix`}},
		{"two at prefixes of their own", "",
			s3 + "\"https://h\"\nprefix = \"a/\"\n" + strings.Replace(s3, `"v"`, `"w"`, 1) +
				"\"https://h\"\nprefix = \"b/\"\nx = 1", []string{`29 store.x: no such key`}},
		{"flag in quotes", "", "[[store]]\nname = \"a\"\nkind = \"folder\"\npath = \"/n\"\nunmounted_ok = \"yes\"",
			[]string{`17 store.unmounted_ok: is text, not true or false; write unmounted_ok = true, without quotes`}},
		{"sftp without anything", "", "[[store]]\nname = \"a\"\nkind = \"sftp\"",
			[]string{`13 store.url: is missing`, `13 store.key: is missing`,
				`13 store.known_hosts: is missing; .*pose as the server`}},
		{"sftp of another scheme", "", sftp + `"ssh://u@h/p"`,
			[]string{`18 store.url: ssh is not supported; write sftp://`}},
		{"sftp without a user", "", sftp + `"sftp://h/p"`, []string{`18 store.url: names no user`}},
		{"sftp without a path", "", sftp + `"sftp://u@h"`,
			[]string{`18 store.url: names no folder; write the absolute path`}},
		{"sftp without a host", "", sftp + `"sftp:///p"`, []string{`18 store.url: is not an address`}},
		{"sftp with a port beyond", "", sftp + `"sftp://u@h:65536/p"`, []string{`18 store.url: the port is not valid`}},
		{"sftp with a question", "", sftp + `"sftp://u@h/p?x=1"`, []string{`18 store.url: something after the path`}},
		{"sftp with a password", "", sftp + `"sftp://u:hunter2@h/p"`,
			[]string{`18 store.url: the address contains a password; remove it: the unit shows its key`}},
		{"s3 without anything", "", "[[store]]\nname = \"a\"\nkind = \"s3\"",
			[]string{`13 store.endpoint: is missing`, `13 store.bucket: is missing`, `13 store.access_key_file: is missing`,
				`13 store.secret_key_file: is missing`}},
		{"s3 with a path", "", s3 + `"https://h/tacet"`, []string{`19 store.endpoint: more than scheme, host and port`}},
		{"s3 with a password", "", s3 + `"https://a:hunter2@h"`,
			[]string{`19 store.endpoint: the address contains a password; .*access_key_file`}},
		{"s3 with a bad bucket", "", strings.Replace(s3, "tacet", "Ta", 1) + `"https://h"`,
			[]string{`16 store.bucket: right form`}},
		{"s3 with two dots", "", strings.Replace(s3, "tacet", "my..bucket", 1) + `"https://h"`,
			[]string{`16 store.bucket: "my..bucket" is not a bucket name: .*no two dots`}},
		{"s3 with a dot and a dash", "", strings.Replace(s3, "tacet", "my.-bucket", 1) + `"https://h"`,
			[]string{`16 store.bucket: "my.-bucket" is not a bucket name`}},
		{"s3 with a bucket like an address", "", strings.Replace(s3, "tacet", "192.168.1.1", 1) + `"https://h"`,
			[]string{`16 store.bucket: "192.168.1.1" is not a bucket name: .*no IP address`}},
		{"s3 with a zone", "", s3 + `"https://[fe80::1%25lo]:9000"`, []string{`19 store.endpoint: .*without a zone`}},
		{"s3 with an address and no path style", "", s3 + "\"https://192.168.1.5\"\npath_style = false",
			[]string{`20 store.path_style: .*an IP address; write path_style = true`}},
		{"s3 with an odd host", "", s3 + `"https://_h_"`, []string{`19 store.endpoint: "_h_" is neither`}},
		{"s3 at Amazon, another region", "", s3 + `"https://s3.eu-central-1.amazonaws.com"`,
			[]string{`13 store.region: "us-east-1" is not the region of s3.eu-central-1.amazonaws.com; write region = "eu-central-1"`}},
		{"s3 at Amazon, a dotted bucket", "",
			strings.Replace(s3, "tacet", "my.bucket", 1) + "\"https://s3.amazonaws.com\"\nregion = \"eu-west-1\"",
			[]string{`19 store.endpoint: .*write https://s3.eu-west-1.amazonaws.com`}},
		{"s3 at Amazon, as it is", "", s3 + "\"https://s3.amazonaws.com\"\nregion = \"eu-west-1\"\nx = 1",
			[]string{`21 store.x: no such key`}},
		{"s3 at Amazon, its region", "", s3 + "\"https://s3.eu-west-1.amazonaws.com\"\nregion = \"eu-west-1\"\nx = 1",
			[]string{`21 store.x: no such key`}},
		{"s3 with a climbing prefix", "", s3 + "\"https://h\"\nprefix = \"../\"",
			[]string{`20 store.prefix: starts with a dot`}},
		{"s3 with a rooted prefix", "", s3 + "\"https://h\"\nprefix = \"/a/\"", []string{`20 store.prefix: right form`}},
		{"lock without a unit", "", s3 + "\"https://h\"\nlock = \"30\"", []string{`20 store.lock: not a duration`}},
		{"secret in place of its file", "", strings.Replace(s3, `"/s"`, `"hunter2"`, 1) + `"https://h"`,
			[]string{`18 store.secret_key_file: is not an absolute path; .*never the secret itself`}},
		{"secret itself", "", s3 + "\"https://h\"\nsecret_key = \"hunter2\"",
			[]string{`20 store.secret_key: no such key, and secrets are not written here; .*secret_key_file`}},
	})
}

func TestErrorsOfBroker(t *testing.T) {
	checkErrors(t, []row{
		{"no broker", "", "[mqtt]", []string{`13 mqtt.broker: is missing`}},
		{"not an address", "", "[mqtt]\nbroker = \"broker.lan\"",
			[]string{`14 mqtt.broker: names no protocol; write mqtts:// before it, as in "mqtts://broker.lan:8883"`}},
		{"another scheme", "", "[mqtt]\nbroker = \"tcp://broker.lan\"",
			[]string{`14 mqtt.broker: tcp.*; write mqtts:// or mqtt://`}},
		{"a password in the address", "", "[mqtt]\nbroker = \"mqtts://u:hunter2@broker.lan\"",
			[]string{`14 mqtt.broker: .*password.*; .*password_file`}},
		{"a user in the address", "", "[mqtt]\nbroker = \"mqtts://u@broker.lan\"",
			[]string{`14 mqtt.broker: .*user.*; .*username`}},
		{"a path", "", "[mqtt]\nbroker = \"mqtts://broker.lan/x\"", []string{`14 mqtt.broker: a path after the host`}},
		{"the password itself", "", "[mqtt]\nbroker = \"mqtts://b\"\nusername = \"u\"\npassword = \"hunter2\"",
			[]string{`16 mqtt.password: secrets are not written here; .*password_file`}},
		{"a password for nobody", "", "[mqtt]\nbroker = \"mqtts://b\"\npassword_file = \"/p\"",
			[]string{`15 mqtt.password_file: needs a username`}},
		{"half a certificate", "", "[mqtt]\nbroker = \"mqtts://b\"\ncert = \"/c\"",
			[]string{`15 mqtt.cert: needs its key`}},
		{"the other half", "", "[mqtt]\nbroker = \"mqtts://b\"\nclient_key = \"/c\"",
			[]string{`15 mqtt.client_key: needs its certificate`}},
		{"a wildcard", "", "[mqtt]\nbroker = \"mqtts://b\"\nhomeassistant = \"ha/#\"",
			[]string{`15 mqtt.homeassistant: can't be a discovery prefix`}},
		{"two brokers", "", "[mqtt]\nbroker = \"mqtts://b\"\n[mqtt]\nbroker = \"mqtts://c\"",
			[]string{`15 mqtt: again, first on line 13; keep one`, `16 mqtt.broker: again, first on line 14`}},
	})
}

func TestUnknownKeys(t *testing.T) {
	checkErrors(t, []row{
		{"misspelt key", `id = "room-3"`, "id = \"room-3\"\nnmae = \"x\"",
			[]string{`4 room.nmae: no such key; did you mean name\?`}},
		{"dash for underscore", `line = "GPIO27"`, "line = \"GPIO27\"\nsense-active = \"low\"",
			[]string{`8 light.sense-active: did you mean sense_active`}},
		{"misspelt section", "", "[mqqt]\nbroker = \"mqtts://b\"", []string{`13 mqqt: no such section, .*did you mean mqtt`}},
		{"key of another section", `[encrypt]`, "quiet = \"5m\"\n[encrypt]",
			[]string{`10 audio.quiet: no such key; it belongs in \[consent\]`}},
		{"key of no section", `[room]`, "notice = \"x\"\n[room]",
			[]string{`1 notice: every key belongs in a section; it belongs in \[consent\]`}},
		{"key that nobody knows", `[encrypt]`, "zzzzzzz = 1\n[encrypt]",
			[]string{`10 audio.zzzzzzz: no such key; remove it, or write one of device, rate`}},
		{"section in a section", "", "[room.extra]\nx = 1", []string{`13 room.extra: no such key`}},
		{"key with a space", `[encrypt]`, "\"a b\" = 1\n[encrypt]", []string{`10 audio."a b": no such key`}},
		{"section as a value", "[room]", "spool = \"/var\"\n[room]",
			[]string{`1 spool: is text, not a section; write \[spool\]`}},
		{"list of what are no sections", "[room]", "store = [{name = \"a\", kind = \"drive\"}, 3]\n[room]",
			[]string{`1 store: is a number, not a section; write \[\[store\]\]`}},
		{"key below a value", `id = "room-3"`, "id = \"room-3\"\nid.x = 1",
			[]string{`4 id.x: id is already text, on line 3`}},
	})
}

// manyButtons returns n buttons of different parties.
func manyButtons(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "[[button]]\nparty = %q\nline = \"GPIO%d\"\n", strings.Repeat("a", i+1), 6+i)
	}
	return text.String()
}

// manyStores returns n drives.
func manyStores(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "[[store]]\nname = \"s%d\"\nkind = \"drive\"\n", i)
	}
	return text.String()
}

func TestMissingSections(t *testing.T) {
	_, _, err := Parse("u.toml", nil)
	errs, _ := err.(Errors)
	matchAll(t, errs, []string{
		`1 room: is missing; write \[room\]`,
		`1 button: no button, and nothing else starts a recording; write \[\[button\]\]`,
		`1 light: nothing is recorded without a light; write \[light\]`,
		`1 audio: is missing; write \[audio\]`,
		`1 encrypt: nothing is recorded in clear; write \[encrypt\]`,
	})
}

// One reading finds errors of every kind, in the order of the lines.
func TestAllErrorsAtOnce(t *testing.T) {
	dir, _ := folder(t)
	_, _, err := Parse(filepath.Join(dir, "u.toml"), []byte(`[room]
site = "High Street"
id = 3
colour = "red"
[[button]]
line = GPIO5
party = "patient"
[[button]]
line = "GPIO6"
party = "patient"
[light
line = "GPIO6"
[audio]
device = "hw:CARD=Device,DEV=0
rate = 11000
[encrypt]
recipients = ["nobody.pub", 7]
[spool]
path = "here"
`))
	errs, _ := err.(Errors)
	matchAll(t, errs, []string{
		`2 room.site: right form`,
		`3 room.id: is a number`,
		`4 room.colour: no such key`,
		`6 button.line: text without quotes; write line = "GPIO5"`,
		`10 button.party: already has a button, on line 7`,
		`11 light: not closed; close it with \]`,
		`12 light.line: already used by button.line on line 9`,
		`14 audio.device: `,
		`15 audio.rate: no rate of 11000`,
		`17 encrypt.recipients: "nobody.pub": no such file`,
		`17 encrypt.recipients: is a number, not text`,
		`19 spool.path: absolute`,
	})
}
