package config

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// quietConfig gives no warnings.
const quietConfig = `[room]
site = "high-street"
id = "room-3"
[consent]
notice = "1"
purpose = "p"
[[button]]
line = "GPIO5"
[light]
line = "GPIO27"
sense = "GPIO22"
[audio]
device = "hw:CARD=Device,DEV=0"
[encrypt]
recipients = ["practice.pub"]
[[store]]
name = "nas"
kind = "folder"
path = "/mnt/nas"
`

func TestWarnings(t *testing.T) {
	dir, keys := folder(t)
	classic := newClassic(t)
	private := filepath.ToSlash(filepath.Join(dir, "password"))
	write(t, private, "hunter2\n")
	sftp := `[[store]]
name = "o"
kind = "sftp"
url = "sftp://u@h/p"
known_hosts = "` + private + `"
key = `
	s3 := `[[store]]
name = "v"
kind = "s3"
bucket = "tacet"
access_key_file = "` + filepath.ToSlash(filepath.Join(dir, "s3")) + `"
secret_key_file = "` + filepath.ToSlash(filepath.Join(dir, "s3")) + `"
endpoint = `
	write(t, filepath.Join(dir, "s3"), "x")
	if err := os.Chmod(filepath.Join(dir, "s3"), 0o640); err != nil {
		t.Fatal(err)
	}
	for _, r := range []row{
		{"nothing", "", "", nil},
		{"one recipient", `recipients = ["practice.pub"]`, `recipients = ["` + keys[0] + `"]`,
			[]string{`15 encrypt.recipients: only one: .*lost.*; add a second one`}},
		{"classic recipients", `recipients = ["practice.pub"]`, `recipients = ["` + classic + `", "` + newClassic(t) + `"]`,
			[]string{`15 encrypt.recipients: quantum computer one day; make a post-quantum one`}},
		{"card by number", `device = "hw:CARD=Device,DEV=0"`, `device = "hw:1,0"`,
			[]string{`13 audio.device: "hw:1,0" counts cards.*; write the card's name, as in "hw:CARD=`}},
		{"plug card by number", `device = "hw:CARD=Device,DEV=0"`, `device = "plughw:CARD=1,DEV=0"`,
			[]string{`13 audio.device: counts cards.*"plughw:CARD=`}},
		{"card whose name begins with a number", `device = "hw:CARD=Device,DEV=0"`, `device = "hw:CARD=2i2,DEV=0"`, nil},
		{"flac", `[encrypt]`, "codec = \"flac\"\n[encrypt]",
			[]string{`14 audio.codec: sizes of flac's segments tell anybody`}},
		{"wav with a bitrate", `[encrypt]`, "codec = \"wav\"\nbitrate = 32000\n[encrypt]",
			[]string{`15 audio.bitrate: has no effect with wav`}},
		{"no sense", `sense = "GPIO22"`, ``, []string{`9 light.sense: nothing checks whether the light is really lit`}},
		{"light pulled up at boot", `line = "GPIO27"`, `line = "GPIO4"`, []string{`10 light.line: pulls GPIO4 up at boot`}},
		{"light pulled down at boot", `line = "GPIO27"`, "line = \"GPIO27\"\nactive = \"low\"",
			[]string{`10 light.line: pulls GPIO27 down at boot`}},
		{"no notice", `notice = "1"`, ``, []string{`4 consent.notice: recordings will not say which notice`}},
		{"no purpose", `purpose = "p"`, ``, []string{`4 consent.purpose: recordings will not say what`}},
		{"quiet never", `purpose = "p"`, "purpose = \"p\"\nquiet = \"0s\"",
			[]string{`7 consent.quiet: goes on in an empty room until max`}},
		{"quiet after max", `purpose = "p"`, "purpose = \"p\"\nquiet = \"60m\"",
			[]string{`7 consent.quiet: has no effect: max \(1h\)`}},
		{"a short max", `purpose = "p"`, "purpose = \"p\"\nmax = \"1s\"\nquiet = \"0s\"", []string{
			`7 consent.max: is short: appointments take longer; write "1m" or more`,
			`8 consent.quiet: goes on in an empty room`}},
		{"a max that is no longer short", `purpose = "p"`, "purpose = \"p\"\nmax = \"1m\"\nquiet = \"10s\"", nil},
		{"a short quiet", `purpose = "p"`, "purpose = \"p\"\nquiet = \"1s\"",
			[]string{`7 consent.quiet: is short: people pause for longer; write "10s" or more, or "0s" for never`}},
		{"a short quiet, and max shorter still", `purpose = "p"`, "purpose = \"p\"\nmax = \"1s\"\nquiet = \"1s\"", []string{
			`7 consent.max: is short`, `8 consent.quiet: is short`, `8 consent.quiet: has no effect`}},
		{"a label with spaces", `[[store]]`, "[[store]]\nname = \"stick\"\nkind = \"drive\"\nlabel = \"ROOM 3 A\"\n[[store]]",
			nil},
		{"no room for a whole recording", `purpose = "p"`, "purpose = \"p\"\nmax = \"3h\"",
			[]string{`20 spool.reserve: a recording of 3h`}},
		{"no TLS", "", "[mqtt]\nbroker = \"mqtt://broker.lan\"", []string{`22 mqtt.broker: without TLS anybody`}},
		{"no TLS needed", "", "[mqtt]\nbroker = \"mqtt://127.0.0.1\"", nil},
		{"certificate without TLS", "", "[mqtt]\nbroker = \"mqtt://localhost\"\nca = \"" + private + "\"",
			[]string{`23 mqtt.ca: has no effect without TLS`}},
		{"store without TLS", "", s3 + `"http://s3.lan"`, []string{`27 store.endpoint: without TLS`}},
		{"prefix that runs on", "", s3 + "\"https://s3.lan\"\nprefix = \"a\"",
			[]string{`28 store.prefix: runs into .*; write "a/"`}},
		{"file that isn't here", "", sftp + `"/etc/tacet/none/such"`,
			[]string{`26 store.key: /etc/tacet/none/such is not on this machine; make sure that it is on the unit`}},
		{"file that is a folder", "", sftp + `"` + filepath.ToSlash(dir) + `"`,
			[]string{`26 store.key: is not an ordinary file`}},
		{"secret for everybody", "", sftp + `"` + private + `"`,
			[]string{`26 store.key: everybody on this machine can read .*set its mode to 640`}},
	} {
		t.Run(r.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && r.name == "secret for everybody" {
				return // Windows has other permissions
			}
			text := quietConfig + "\n" + r.new + "\n"
			if r.old != "" {
				if !strings.Contains(quietConfig, r.old+"\n") {
					t.Fatalf("the file has no line %q", r.old)
				}
				text = strings.Replace(quietConfig, r.old+"\n", r.new+"\n", 1)
			}
			cfg, warnings, err := Parse(filepath.Join(dir, "u.toml"), []byte(text))
			if err != nil || cfg == nil {
				t.Fatal(err)
			}
			matchAll(t, warnings, r.expect)
		})
	}
}

func TestWarningsWithoutStores(t *testing.T) {
	dir, _ := folder(t)
	text, _, _ := strings.Cut(quietConfig, "[[store]]")
	cfg, warnings, err := Parse(filepath.Join(dir, "u.toml"), []byte(text+"[spool]\nrelease = \"any\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	matchAll(t, warnings, []string{
		`17 store: none: recordings stay on the unit`,
		`17 spool.release: has no effect without a store; write "never"`,
	})
	if cfg.Spool.Release != Never {
		t.Errorf("release is %q without stores", cfg.Spool.Release)
	}
	_, warnings, err = Parse(filepath.Join(dir, "u.toml"),
		[]byte(text+"[[store]]\nname = \"a\"\nkind = \"drive\"\nkeep = \"30d\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	matchAll(t, warnings, []string{`19 store.keep: only if another store has it`})
	drives := "[[store]]\nname = \"a\"\nkind = \"drive\"\nkeep = \"30d\"\n" +
		"[[store]]\nname = \"b\"\nkind = \"drive\"\nlabel = \"B\"\n"
	for more, expect := range map[string][]string{"": nil,
		"keep = \"60d\"\n": {`24 store.keep: every store has one, but the last copy is never deleted`}} {
		if _, warnings, err = Parse(filepath.Join(dir, "u.toml"), []byte(text+drives+more)); err != nil {
			t.Fatal(err)
		}
		matchAll(t, warnings, expect)
	}
}

// All forms of a card's number.
func TestCardsByNumber(t *testing.T) {
	dir, _ := folder(t)
	for device, instead := range map[string]string{
		"hw:0": "hw", "hw:1,0": "hw", "hw:CARD=1": "hw", "hw:DEV=0,CARD=1": "hw", "hw:DEV=0,SUBDEV=0,CARD=1": "hw",
		"hw": "hw", "plughw": "plughw",
		"plughw:1": "plughw", "plug:hw:1,0": "hw", "plug:'hw:1,0'": "hw", "plug:SLAVE='hw:1,0'": "hw", "plug:hw": "hw",
		"surround40:1":      "surround40",
		"dmix:CARD=1,DEV=0": "dmix", "dsnoop:1": "dsnoop", "sysdefault:CARD=1": "sysdefault", "hdmi:0,1": "hdmi",
		"plug:'dsnoop:CARD=1'": "dsnoop",
		"hw:Device,0":          "", "hw:CARD=Device,DEV=1": "", "hw:DEV=1,CARD=Device": "", "plug:'hw:Device,1'": "",
		"hw:2i2": "", "hw:CARD=2i2": "",
		"default": "", "sysdefault": "", "surround40:Device": "", "pulse": "", "room:1": "", "null": "", "myhw:1": "",
		"plug:default": "",
	} {
		text := strings.Replace(quietConfig, "hw:CARD=Device,DEV=0", device, 1)
		_, warnings, err := Parse(filepath.Join(dir, "u.toml"), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		var expect []string
		if instead != "" {
			expect = []string{`13 audio.device: ` + regexp.QuoteMeta(strconv.Quote(device)) +
				` counts cards.*; write the card's name, as in "` + instead + `:CARD=Device,DEV=0"`}
		}
		matchAll(t, warnings, expect)
	}
}

// A WAV file states its length in 32 bits.
func TestTooLongWAV(t *testing.T) {
	dir, _ := folder(t)
	for _, c := range []struct {
		max    string
		audio  string
		expect []string
	}{
		{"3h6m", "codec = \"wav\"\nrate = 96000\nchannels = 2", nil},
		{"3h7m", "codec = \"wav\"\nrate = 96000\nchannels = 2",
			[]string{`15 audio.codec: a recording of 3h7m, .* larger than 4 GiB.*; write max = "3h6m" or less in \[consent\], or codec = "flac"`}},
		{"6h13m", "codec = \"wav\"\nchannels = 2", []string{`15 audio.codec: .*; write max = "6h12m" or less`}},
		{"12h", "codec = \"wav\"", nil},
		{"12h", "channels = 2", nil},
	} {
		text := strings.Replace(quietConfig, `purpose = "p"`, "purpose = \"p\"\nmax = \""+c.max+"\"", 1)
		text = strings.Replace(text, "[encrypt]", c.audio+"\n[encrypt]", 1) + "[spool]\nreserve = \"12h\"\n"
		_, warnings, err := Parse(filepath.Join(dir, "u.toml"), []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		matchAll(t, warnings, c.expect)
	}
}

// Warnings are reported even if there are errors.
func TestWarningsBesideErrors(t *testing.T) {
	dir, _ := folder(t)
	_, warnings, err := Parse(filepath.Join(dir, "u.toml"),
		[]byte(strings.Replace(quietConfig, `sense = "GPIO22"`, `sence = "GPIO22"`, 1)))
	errs, _ := err.(Errors)
	matchAll(t, errs, []string{`11 light.sence: did you mean sense`})
	matchAll(t, warnings, []string{`9 light.sense: really lit`})
}
