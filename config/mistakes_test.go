package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

// full is a file in which each mistake below can be made. Its only warning is that some files are
// missing here.
const full = `[room]
site = "high-street"
id = "room-3"
name = "Consulting room 3"
[consent]
notice = "2026-03"
purpose = "Your own record"
max = "60m"
quiet = "5m"
[[button]]
party = "patient"
line = "GPIO5"
debounce = "30ms"
[[button]]
party = "clinician"
line = "GPIO6"
active = "low"
[light]
line = "GPIO27"
active = "high"
sense = "GPIO22"
[door]
line = "GPIO4"
[audio]
device = "hw:CARD=Device,DEV=0"
rate = 48000
channels = 1
codec = "opus"
bitrate = 48000
[encrypt]
recipients = ["practice.pub"]
[spool]
path = "/var/lib/tacet/spool"
reserve = "2h"
release = "all"
[[store]]
name = "drive"
kind = "drive"
keep = "90d"
[[store]]
name = "nas"
kind = "folder"
path = "/mnt/nas/recordings"
unmounted_ok = false
[[store]]
name = "office"
kind = "sftp"
url = "sftp://room-3@backup.lan/recordings"
key = "/etc/tacet/sftp_key"
known_hosts = "/etc/tacet/known_hosts"
[[store]]
name = "vault"
kind = "s3"
endpoint = "https://s3.lan:9000"
bucket = "tacet"
access_key_file = "/etc/tacet/s3_access"
secret_key_file = "/etc/tacet/s3_secret"
lock = "30d"
[mqtt]
broker = "mqtts://broker.lan:8883"
username = "room-3"
password_file = "/etc/tacet/mqtt_password"
`

// mistake is one that people make, by writing new for old, a line of full; and what must be
// reported.
type mistake struct {
	name     string
	old, new string
	line     string // the line that must be reported; "" for new
	says     string // pattern of what is wrong
	remedy   string // pattern of what to do
	// The corrected line. If it is "", the test itself follows the remedy, word by word.
	corrected string
	// The content of practice.pub, for mistakes in that file.
	pub func(key string) string
}

func inUTF16(text string, big bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune("\ufeff" + text)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

var mistakes = []mistake{
	// Lookalikes.
	{name: "smart quotes", old: `id = "room-3"`, new: `id = “room-3”`, says: `character 6 of the line is “ \(U\+201C\)`,
		remedy: `type " instead`},
	{name: "German quotes", old: `id = "room-3"`, new: `id = „room-3“`, says: `character 6 of the line is „`,
		remedy: `type "`},
	{name: "French quotes", old: `id = "room-3"`, new: `id = «room-3»`, says: `character 6 of the line is «`,
		remedy: `type "`},
	{name: "a smart quote at the end alone", old: `id = "room-3"`, new: `id = "room-3”`,
		says: `character 13 of the line is ”`, remedy: `type "`},
	{name: "smart single quotes", old: `active = "low"`, new: `active = ‘low’`, says: `character 10 of the line is ‘`,
		remedy: `type "`},
	{name: "backticks", old: `active = "low"`, new: "active = `low`", says: "character 10 of the line is `",
		remedy: `type "`},
	{name: "smart quotes in a list", old: `recipients = ["practice.pub"]`, new: `recipients = [“practice.pub”]`,
		says: `character 15 of the line is “`, remedy: `type "`},
	{name: "NBSP before =", old: `keep = "90d"`, new: "keep\u00a0= \"90d\"",
		says: `character 5 of the line is invisible.*U\+00A0`, remedy: `delete it`},
	{name: "NBSP after =", old: `keep = "90d"`, new: "keep =\u00a0\"90d\"", says: `character 7 of the line is invisible`,
		remedy: `delete it`},
	{name: "NBSP before a key", old: `keep = "90d"`, new: "\u00a0keep = \"90d\"",
		says: `character 1 of the line is invisible`, remedy: `delete it`},
	{name: "a zero-width space in a key", old: `keep = "90d"`, new: "ke\u200bep = \"90d\"",
		says: `character 3 of the line is invisible.*U\+200B`, remedy: `delete it`},
	{name: "a mark in the middle of a file", old: `[spool]`, new: "\ufeff[spool]",
		says: `character 1 of the line is invisible.*U\+FEFF`, remedy: `delete it`},
	{name: "NBSP in a header", old: `[spool]`, new: "[spool\u00a0]", says: `character 7 of the line is invisible`,
		remedy: `delete it`},
	{name: "a wide =", old: `keep = "90d"`, new: `keep ＝ "90d"`, says: `character 6 of the line is ＝`,
		remedy: `type = in`},
	{name: "a dash for a hyphen", old: `id = "room-3"`, new: `id = "room–3"`,
		says: `character 5 of the value is – \(U\+2013\)`, remedy: `type - in`},
	{name: "a hyphen that doesn't break", old: `site = "high-street"`, new: "site = \"high\u2011street\"",
		says: `character 5 of the value is .*U\+2011`, remedy: `type - in`},
	{name: "NBSP in the device", old: `device = "hw:CARD=Device,DEV=0"`, new: "device = \"hw:CARD=Device,\u00a0DEV=0\"",
		says: `character 16 of the value is invisible`, remedy: `delete it`},
	{name: "NBSP in an address", old: `url = "sftp://room-3@backup.lan/recordings"`,
		new: "url = \"sftp://room-3@backup.lan\u00a0/recordings\"", says: `character 25 of the value is invisible`,
		remedy: `delete it`},
	{name: "a soft hyphen in a path", old: `path = "/mnt/nas/recordings"`, new: "path = \"/mnt/nas/record\u00adings\"",
		says: `character 16 of the value is invisible`, remedy: `delete it`},
	{name: "a dash in an address", old: `broker = "mqtts://broker.lan:8883"`, new: `broker = "mqtts://broker—1.lan:8883"`,
		says: `character 15 of the value is —`, remedy: `type - in`},
	{name: "a tab in a value", old: `name = "Consulting room 3"`, new: "name = \"Consulting\troom 3\"",
		says: `contains a tab`, remedy: `write a space`, corrected: `name = "Consulting room 3"`},

	// Pins and lines.
	{name: "a pin", old: `line = "GPIO5"`, new: `line = "Pin 29"`, says: `not a GPIO line: pin 29 of the header is GPIO5`,
		remedy: `write line = "GPIO5"`},
	{name: "a pin, in another way", old: `line = "GPIO6"`, new: `line = "J8:31"`, says: `pin 31 of the header is GPIO6`,
		remedy: `write line = "GPIO6"`, corrected: `line = "GPIO6"`},
	{name: "a pin by its number alone", old: `line = "GPIO5"`, new: `line = 29`,
		says: `is a number, not text: pin 29 of the header is GPIO5`, remedy: `write line = "GPIO5"`},
	{name: "a GPIO by its number alone", old: `line = "GPIO5"`, new: `line = 5`, says: `is a number`,
		remedy: `write line = "GPIO5" if that is the GPIO's number; pin 5 of the header is GPIO3`},
	{name: "a pin that is ground", old: `line = "GPIO5"`, new: `line = "pin 30"`, says: `pin 30 of the header is ground`,
		remedy: `the GPIO that the wire goes to`, corrected: `line = "GPIO5"`},
	{name: "BCM", old: `line = "GPIO5"`, new: `line = "BCM 5"`, says: `not a GPIO line`, remedy: `did you mean "GPIO5"`},
	{name: "small letters", old: `line = "GPIO5"`, new: `line = "gpio05"`, says: `not a GPIO line`,
		remedy: `did you mean "GPIO5"`},
	{name: "a pin with GPIO before it", old: `line = "GPIO5"`, new: `line = "GPIO29"`,
		says: `GPIO29 is on no pin of the header`, remedy: `write "GPIO5" if pin 29 of the header is meant`},
	{name: "the serial console", old: `line = "GPIO4"`, new: `line = "GPIO14"`,
		says: `GPIO14 belongs to the serial console`, remedy: `take another: GPIO4`},
	{name: "I²C", old: `line = "GPIO4"`, new: `line = "GPIO3"`, says: `I²C bus.*starts a board that was halted`,
		remedy: `take another: GPIO4`},
	{name: "a chip's number", old: `line = "GPIO4"`, new: `line = "gpiochip4:4"`,
		says: `counts chips, and the numbers change with the kernel`, remedy: `write "GPIO4", unless`},
	{name: "one line by two names", old: `line = "GPIO4"`, new: `line = "gpiochip4:5"`,
		says: `gpiochip4:5 may be GPIO5, which is already used by button.line on line 12`, remedy: `give each its own line`,
		corrected: `line = "GPIO4"`},

	// Numbers and times.
	{name: "days without a unit", old: `keep = "90d"`, new: `keep = 30`,
		says: `a number, but a duration needs a unit`, remedy: `write keep = "30d"`},
	{name: "minutes without a unit", old: `max = "60m"`, new: `max = 45`, says: `needs a unit`,
		remedy: `write max = "45m"`},
	{name: "seconds without a unit", old: `max = "60m"`, new: `max = 3600`, says: `needs a unit`,
		remedy: `write max = "3600s"`},
	{name: "quoted, without a unit", old: `reserve = "2h"`, new: `reserve = "3"`, says: `"3" is not a duration`,
		remedy: `write reserve = "3h"`},
	{name: "milliseconds without a unit", old: `debounce = "30ms"`, new: `debounce = 20`, says: `needs a unit`,
		remedy: `write debounce = "20ms"`},
	{name: "a unit in words", old: `quiet = "5m"`, new: `quiet = "10 minutes"`, says: `not a duration`,
		remedy: `write quiet = "10m"`},
	{name: "two units in words", old: `max = "60m"`, new: `max = "1 hour and 30 minutes"`, says: `not a duration`,
		remedy: `write max = "1h30m"`},
	{name: "weeks", old: `keep = "90d"`, new: `keep = "12 weeks"`, says: `not a duration`,
		remedy: `write keep = "84d"`},
	{name: "years", old: `lock = "30d"`, new: `lock = "10y"`, says: `not a duration`,
		remedy: `write lock = "3650d"`},
	{name: "capitals", old: `max = "60m"`, new: `max = "45M"`, says: `not a duration`, remedy: `write max = "45m"`},
	{name: "a word", old: `keep = "90d"`, new: `keep = "never"`, says: `not a duration`,
		remedy: `write keep = "0s"`},
	{name: "a unit, no quotes", old: `max = "60m"`, new: `max = 45m`, says: `text without quotes`,
		remedy: `write max = "45m"`},
	{name: "a number in quotes", old: `rate = 48000`, new: `rate = "16000"`, says: `is text, not a number`,
		remedy: `write rate = 16000, without`},
	{name: "thousands", old: `bitrate = 48000`, new: `bitrate = "64k"`, says: `is text, not a number`,
		remedy: `write bitrate = 64000, without`},
	{name: "kHz", old: `rate = 48000`, new: `rate = "48 kHz"`, says: `is text`, remedy: `write rate = 48000, without`},
	{name: "a point among thousands", old: `rate = 48000`, new: `rate = 48.000`, says: `is a number with a fraction`,
		remedy: `write rate = 48000, without`},
	{name: "yes in quotes", old: `unmounted_ok = false`, new: `unmounted_ok = "yes"`, says: `is text, not true or false`,
		remedy: `write unmounted_ok = true, without`},
	{name: "no without quotes", old: `unmounted_ok = false`, new: `unmounted_ok = no`, says: `without quotes`,
		remedy: `write unmounted_ok = false`},
	{name: "1 for true", old: `unmounted_ok = false`, new: `unmounted_ok = 1`, says: `is a number, not true or false`,
		remedy: `write unmounted_ok = true, without`},

	// Sections and keys.
	{name: "a section named after its store", old: "[[store]]\nname = \"nas\"", new: `[store.nas]`,
		says: `a store has its name in a key of its own`, remedy: `write \[\[store\]\], and below it name = "nas"`},
	{name: "the same for a button", old: "[[button]]\nparty = \"clinician\"", new: `[button.clinician]`,
		says: `a button has its name in a key`, remedy: `write \[\[button\]\], and below it party = "clinician"`},
	{name: "single brackets", old: "[[store]]\nname = \"nas\"", new: "[store]\nname = \"nas\"", line: "[store]",
		says: `there can be several`, remedy: `write \[\[store\]\]`},
	{name: "a section twice", old: `[spool]`, new: "[audio]\n[spool]", line: "[audio]",
		says: `appears again, first on line 24`, remedy: `keep one`, corrected: "[spool]"},
	{name: "a key twice", old: `keep = "90d"`, new: "keep = \"90d\"\nkeep = \"30d\"", line: `keep = "30d"`,
		says: `appears again, first on line`, remedy: `keep one`, corrected: `keep = "30d"`},
	{name: "a misspelt key", old: `purpose = "Your own record"`, new: `purpos = "Your own record"`, says: `no such key`,
		remedy: `did you mean purpose\?`},
	{name: "a capital in a key", old: `rate = 48000`, new: `Rate = 48000`, says: `no such key`,
		remedy: `did you mean rate\?`},
	{name: "a misspelt section", old: `[spool]`, new: `[spol]`, says: `no such section`, remedy: `did you mean spool\?`},
	{name: "a colon for =", old: `id = "room-3"`, new: `id: "room-3"`, says: `neither \[section\] nor key = value`,
		remedy: `write key = value`, corrected: `id = "room-3"`},
	{name: "a semicolon for #", old: `[spool]`, new: "; where it goes\n[spool]", line: "; where it goes", says: `neither`,
		remedy: `start a comment with #`, corrected: "# where it goes\n[spool]"},
	{name: "text without quotes", old: `id = "room-3"`, new: `id = room-3`, says: `without quotes`,
		remedy: `write id = "room-3"`},
	{name: "a choice in capitals", old: `codec = "opus"`, new: `codec = "Opus"`, says: `can't be "Opus"`,
		remedy: `did you mean "opus"\?`},
	{name: "capitals and a space in a name", old: `site = "high-street"`, new: `site = "High Street"`,
		says: `not in the right form`, remedy: `write site = "high-street"`},
	{name: "a list without brackets", old: `recipients = ["practice.pub"]`, new: `recipients = "practice.pub"`,
		says: `is text, not a list`, remedy: `write recipients = \["practice.pub"\]`},

	// Addresses and paths.
	{name: "an address without a protocol", old: `broker = "mqtts://broker.lan:8883"`, new: `broker = "broker.lan:8883"`,
		says: `names no protocol`, remedy: `write mqtts:// before it`, corrected: `broker = "mqtts://broker.lan:8883"`},
	{name: "a percent sign", old: `url = "sftp://room-3@backup.lan/recordings"`,
		new: `url = "sftp://room-3@backup.lan/100% ours"`, says: `contains a space`, remedy: `write %20`,
		corrected: `url = "sftp://room-3@backup.lan/100%25%20ours"`},
	{name: "a percent sign alone", old: `url = "sftp://room-3@backup.lan/recordings"`,
		new: `url = "sftp://room-3@backup.lan/100%"`, says: `contains a %`, remedy: `write %25 for the`},
	{name: "an IPv6 zone", old: `url = "sftp://room-3@backup.lan/recordings"`,
		new: `url = "sftp://room-3@[fe80::1%eth0]/recordings"`, says: `names the interface after a %`, remedy: `write %25`},
	{name: "an IPv6 zone of the broker", old: `broker = "mqtts://broker.lan:8883"`,
		new: `broker = "mqtts://[fe80::1%eth0]:8883"`, says: `names the interface after a %`, remedy: `write %25`},
	{name: "the broker's IPv6 without brackets", old: `broker = "mqtts://broker.lan:8883"`,
		new: `broker = "mqtts://fd00::1"`, says: `IPv6 address has no brackets`, remedy: `write \[ before it`,
		corrected: `broker = "mqtts://[fd00::1]"`},
	{name: "IPv6 without brackets", old: `endpoint = "https://s3.lan:9000"`, new: `endpoint = "https://fd00::1:2"`,
		says: `IPv6 address has no brackets`, remedy: `write \[ before it`,
		corrected: `endpoint = "https://[fd00::1:2]"`},
	{name: "a path of Windows", old: `path = "/mnt/nas/recordings"`, new: `path = 'C:\recordings'`,
		says: `a Windows path`, remedy: `starting with "/"`, corrected: `path = "/mnt/nas/recordings"`},
	{name: "a share of Windows", old: `path = "/mnt/nas/recordings"`, new: `path = '\\nas\recordings'`,
		says: `a Windows path`, remedy: `a share is mounted there first`, corrected: `path = "/mnt/nas/recordings"`},
	{name: "a backslash that has no effect", old: `path = "/mnt/nas/recordings"`, new: `path = "\mnt\nas\recordings"`,
		says: `\\ that starts no escape`, remedy: `write \\\\ for`, corrected: `path = "/mnt/nas/recordings"`},
	{name: "a space before a path", old: `path = "/mnt/nas/recordings"`, new: `path = " /mnt/nas/recordings"`,
		says: `not an absolute path`, remedy: `write path = "/mnt/nas/recordings"`},
	{name: "a space after a path", old: `path = "/mnt/nas/recordings"`, new: `path = "/mnt/nas/recordings "`,
		says: `ends with a space`, remedy: `delete it`, corrected: `path = "/mnt/nas/recordings"`},
	{name: "home", old: `path = "/mnt/nas/recordings"`, new: `path = "~/recordings"`, says: `not an absolute path`,
		remedy: `~ is not expanded`, corrected: `path = "/home/tacet/recordings"`},
	{name: "a password in its place", old: `password_file = "/etc/tacet/mqtt_password"`, new: `password = "hunter2"`,
		says: `secrets are not written here`, remedy: `password_file`,
		corrected: `password_file = "/etc/tacet/mqtt_password"`},
	{name: "a password for its file", old: `password_file = "/etc/tacet/mqtt_password"`, new: `password_file = "hunter2"`,
		says: `not an absolute path`, remedy: `"/etc/tacet/password", never the secret itself`,
		corrected: `password_file = "/etc/tacet/password"`},
	{name: "a password without quotes", old: `password_file = "/etc/tacet/mqtt_password"`, new: `password_file = hunter2`,
		says: `without quotes`, remedy: `in quotes`, corrected: `password_file = "/etc/tacet/password"`},
	{name: "sound to a file", old: `device = "hw:CARD=Device,DEV=0"`, new: `device = "file:/tmp/room.wav,wav"`,
		says: `writes the sound to a file, unencrypted`, remedy: `write the microphone's own name`,
		corrected: `device = "hw:CARD=Device,DEV=0"`},
	{name: "sound to a file, within a plugin", old: `device = "hw:CARD=Device,DEV=0"`,
		new: `device = "plug:'tee:default,/tmp/x.raw'"`, says: `writes the sound to a file`,
		remedy: `write the microphone's own name`, corrected: `device = "hw:CARD=Device,DEV=0"`},
	{name: "a card's number", old: `device = "hw:CARD=Device,DEV=0"`, new: `device = "hw:1,0"`, says: `counts cards`,
		remedy: `write the card's name`, corrected: `device = "hw:CARD=Device,DEV=0"`},

	// The file of public keys.
	{name: "false for no discovery", old: `password_file = "/etc/tacet/mqtt_password"`, new: `homeassistant = false`,
		says: `is true or false, not text`, remedy: `write homeassistant = "", for none`, corrected: `homeassistant = ""`},
	{name: "false for never quiet", old: `quiet = "5m"`, new: `quiet = false`, says: `not a duration`,
		remedy: `write quiet = "0s"`},
	{name: "false for keeping all", old: `keep = "90d"`, new: `keep = false`, says: `not a duration`,
		remedy: `write keep = "0s"`},
	{name: "false for no lock", old: `lock = "30d"`, new: `lock = false`, says: `not a duration`,
		remedy: `write lock = "0s"`},
	{name: "false where nothing is wired", old: `line = "GPIO27"`,
		new: "line = \"GPIO27\"\nsense = false", line: "sense = false", says: `is true or false`,
		remedy: `leave the line out`, corrected: `line = "GPIO27"`},
	{name: "nothing where nothing is wired", old: `line = "GPIO27"`,
		new: "line = \"GPIO27\"\nsense = \"\"", line: `sense = ""`, says: `is empty`, remedy: `leave the line out`,
		corrected: `line = "GPIO27"`},
	{name: "thousands without quotes", old: `rate = 48000`, new: `rate = 16,000`, says: `something follows`,
		remedy: `write rate = 16000`},
	{name: "kbit/s without quotes", old: `bitrate = 48000`, new: `bitrate = 64kbps`, says: `without quotes`,
		remedy: `write bitrate = 64000`},
	{name: "a share", old: `path = "/mnt/nas/recordings"`, new: `path = "//nas/recordings"`,
		says: `the address of a share`, remedy: `at which the share is mounted`, corrected: `path = "/mnt/nas/recordings"`},
	{name: "a share of NFS", old: `path = "/mnt/nas/recordings"`, new: `path = "nas.lan:/recordings"`,
		says: `the address of a share`, remedy: `at which the share is mounted`, corrected: `path = "/mnt/nas/recordings"`},
	{name: "a share's URL", old: `path = "/mnt/nas/recordings"`, new: `path = "smb://nas/recordings"`,
		says: `the address of a share`, remedy: `at which the share is mounted`, corrected: `path = "/mnt/nas/recordings"`},
	{name: "the spool on a share", old: `path = "/var/lib/tacet/spool"`, new: `path = "//nas/spool"`,
		says: `the address of a share`, remedy: `at which the share is mounted`, corrected: `path = "/mnt/spool"`},
	{name: "the bucket in the endpoint", old: `endpoint = "https://s3.lan:9000"`,
		new: `endpoint = "https://tacet.s3.eu-west-1.amazonaws.com"`, says: `starts with the bucket's name`,
		remedy: `write endpoint = "https://s3.eu-west-1.amazonaws.com"`, corrected: `endpoint = "https://s3.lan:9000"`},
	{name: "a key that was broken in two", pub: func(key string) string { return key[:100] + "\n" + key[100:] + "\n" },
		says: `not a whole public key`, remedy: `copy it again, all in one line`},
	{name: "SSH's key", pub: func(string) string { return "ssh-ed25519 AAAA me\n" }, says: `SSH keys are not supported`,
		remedy: `make a key with tacet keygen`},
	{name: "smart quotes around a key", pub: func(key string) string { return "“" + key + "”\n" },
		says: `not a public key`, remedy: `starts with age1`},
	{name: "a comma between keys", pub: func(key string) string { return key + "," + key + "\n" },
		says: `not a whole public key`, remedy: `copy it again`},
	{name: "an empty file", pub: func(string) string { return "\ufeff\r\n" }, says: `contains no key`,
		remedy: `name a file of public keys`},
}

// Each mistake is reported with its line and cause, and with a remedy that works.
func TestMistakes(t *testing.T) {
	key := newHybrid(t)
	good := "# practice\n" + key + "\n" + newHybrid(t) + "\n"
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			file, pub := filepath.Join(dir, "tacet.toml"), filepath.Join(dir, "practice.pub")
			text, want, at := full, file, ""
			write(t, pub, good)
			if m.pub != nil {
				write(t, pub, m.pub(key))
				want = pub
				if strings.Contains(m.says, "contains no key") {
					want, at = file, `recipients = ["practice.pub"]`
				}
			} else {
				if strings.Count(full, m.old+"\n") == 0 {
					t.Fatalf("the file has no line %q", m.old)
				}
				text = strings.Replace(full, m.old+"\n", m.new+"\n", 1)
				if at = m.line; at == "" {
					at = m.new
				}
			}
			found, ok := findProblem(t, file, text, m)
			if !ok {
				return
			}
			if found.File != want || at != "" && lineAt(text, found.Line) != at {
				t.Errorf("it reports %s, which is %q, want %q", found.Where(), lineAt(text, found.Line), at)
			}
			if m.pub != nil {
				write(t, pub, good)
			} else if m.corrected != "" {
				text = strings.Replace(full, m.old+"\n", m.corrected+"\n", 1)
			} else {
				// Follow one remedy after another, as a person would.
				for tries := 0; tries < 5; tries++ {
					if text, ok = follow(text, found); !ok {
						t.Fatalf("the test can't follow %q (%s)", found.Instead, found.What)
					}
					if found, ok = nextProblem(file, text, found.Line, m); !ok {
						break
					}
				}
			}
			cfg, warnings, err := Parse(file, []byte(text))
			if err != nil || cfg == nil {
				t.Fatalf("corrected, it has errors:\n%v\n%s", err, text)
			}
			for _, w := range warnings {
				if !strings.Contains(w.What, "files are not on this machine") && w.Key != "office" { // full has no office
					t.Errorf("corrected, it gets a warning: %v", w)
				}
			}
		})
	}
	if len(mistakes) < 85 {
		t.Errorf("only %d mistakes", len(mistakes))
	}
}

func TestFullFile(t *testing.T) {
	dir, _ := folder(t)
	_, warnings, err := Parse(filepath.Join(dir, "tacet.toml"), []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	matchAll(t, warnings, []string{`49 : 5 files are not on this machine: /etc/tacet/sftp_key, /etc/tacet/known_hosts, /etc/tacet/s3_access, /etc/tacet/s3_secret, /etc/tacet/mqtt_password; make sure that they are on the unit`})
}

// problemsOf returns the errors and then the warnings about a file.
func problemsOf(file, text string) []Problem {
	_, warnings, err := Parse(file, []byte(text))
	errs, _ := err.(Errors)
	return append(slices.Clone([]Problem(errs)), warnings...)
}

// findProblem returns the problem that the mistake must give. There may be few others.
func findProblem(t *testing.T, file, text string, m mistake) (Problem, bool) {
	t.Helper()
	all := problemsOf(file, text)
	var found []Problem
	for _, p := range all {
		if strings.Contains(p.String(), "hunter2") {
			t.Errorf("a password is repeated: %v", p)
		}
		if regexp.MustCompile(m.says).MatchString(p.What) && regexp.MustCompile(m.remedy).MatchString(p.Instead) {
			found = append(found, p)
		}
	}
	if len(found) == 0 || len(all) > 4 {
		t.Errorf("reported:\n%v\nwant %s; %s", Errors(all), m.says, m.remedy)
		return Problem{}, false
	}
	return found[0], true
}

// nextProblem returns the next problem of a line that was corrected in part.
func nextProblem(file, text string, line int, m mistake) (Problem, bool) {
	for _, p := range problemsOf(file, text) {
		if p.Line == line && !strings.Contains(p.What, "files are not on this machine") {
			return p, true
		}
	}
	return Problem{}, false
}

func lineAt(text string, n int) string {
	lines := strings.Split(text, "\n")
	if n < 1 || n > len(lines) {
		return ""
	}
	return lines[n-1]
}

var (
	writeThis  = regexp.MustCompile(`^write ([a-z_]+ = ("[^"]*"|\[[^\]]*\]|[0-9]+|true|false))`)
	writeValue = regexp.MustCompile(`^(?:write|did you mean) ("[^"]*")`)
	writeTwo   = regexp.MustCompile(`^write (\[\[[a-z]+\]\]), and below it (.*)$`)
	writeHead  = regexp.MustCompile(`^write (\[\[?[a-z_]+\]\]?)$`)
	meantWord  = regexp.MustCompile(`^did you mean ([a-z_]+)\?`)
	typeThis   = regexp.MustCompile(`^type (.) instead`)
	takeThis   = regexp.MustCompile(`^take another: (GPIO[0-9]+)`)
	character  = regexp.MustCompile(`^character ([0-9]+) of the (line|value)`)
	oldWord    = regexp.MustCompile(`[A-Za-z_]+`)
	quoted     = regexp.MustCompile(`"[^"]*"`)
)

// follow changes the line as the remedy says, and nothing else.
func follow(text string, p Problem) (corrected string, ok bool) {
	lines := strings.Split(text, "\n")
	line := &lines[p.Line-1]
	switch {
	case writeThis.MatchString(p.Instead):
		*line = writeThis.FindStringSubmatch(p.Instead)[1]
	case writeTwo.MatchString(p.Instead):
		m := writeTwo.FindStringSubmatch(p.Instead)
		*line = m[1] + "\n" + m[2]
	case writeHead.MatchString(p.Instead):
		*line = writeHead.FindStringSubmatch(p.Instead)[1]
	case writeValue.MatchString(p.Instead):
		*line = quoted.ReplaceAllLiteralString(*line, writeValue.FindStringSubmatch(p.Instead)[1])
	case takeThis.MatchString(p.Instead):
		*line = quoted.ReplaceAllLiteralString(*line, strconv.Quote(takeThis.FindStringSubmatch(p.Instead)[1]))
	case meantWord.MatchString(p.Instead):
		word := oldWord.FindString(*line)
		*line = strings.Replace(*line, word, meantWord.FindStringSubmatch(p.Instead)[1], 1)
	case strings.HasPrefix(p.Instead, "write %25 "):
		*line = strings.Replace(*line, "%", "%25", 1)
	case character.MatchString(p.What):
		m := character.FindStringSubmatch(p.What)
		at, _ := strconv.Atoi(m[1])
		r := []rune(*line)
		if at--; m[2] == "value" {
			at += strings.Index(*line, `"`) + 1
		}
		put := ""
		if m := typeThis.FindStringSubmatch(p.Instead); m != nil {
			put = m[1]
		} else if !strings.HasPrefix(p.Instead, "delete it") {
			return text, false
		}
		*line = string(r[:at]) + put + string(r[at+1:])
	default:
		return text, false
	}
	return strings.Join(lines, "\n"), true
}

// The file says the same in every encoding.
func TestFileInEveryEncoding(t *testing.T) {
	dir, keys := folder(t)
	pub := fmt.Sprintf("# practice\n%s\n%s\n", keys[0], keys[1])
	file := filepath.Join(dir, "tacet.toml")
	want, _, err := Parse(file, []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	windows := func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") }
	for name, as := range map[string]func(string) string{
		"UTF-8": func(s string) string { return s }, "CRLF": windows,
		"a mark":    func(s string) string { return "\ufeff" + windows(s) },
		"UTF-16 LE": func(s string) string { return inUTF16(windows(s), false) },
		"UTF-16 BE": func(s string) string { return inUTF16(s, true) },
	} {
		write(t, file, as(full))
		write(t, filepath.Join(dir, "practice.pub"), as(pub))
		cfg, warnings, err := Load(file)
		if err != nil || cfg.Hash() != want.Hash() {
			t.Errorf("%s: %v", name, err)
			continue
		}
		warned := slices.ContainsFunc(warnings, func(p Problem) bool {
			return p.Line == 1 && strings.Contains(p.String(), "UTF-16") && p.Instead == "save it as UTF-8"
		})
		if wide := strings.HasPrefix(name, "UTF-16"); warned != wide {
			t.Errorf("%s: warnings are %v", name, warnings)
		}
	}
	write(t, file, "\xff\xfe\x00")
	if _, _, err := Load(file); err == nil || !strings.Contains(err.Error(), "save it as UTF-8") {
		t.Errorf("cut off: %v", err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}
