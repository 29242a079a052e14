package cmd_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"tacet/audio"
	"tacet/cmd/internal/stores"
	"tacet/config"
	"tacet/daemon/mqtt"
	"tacet/daemon/recording"
	"tacet/daemon/store/local/mark"
	"tacet/daemon/store/s3"
	"tacet/daemon/store/sftp"
	"tacet/hw"
	"tacet/hw/hwtest"
)

// values are, for lines of the example, the smallest, largest and oddest values. The configuration
// may refuse any of them. What it accepts, the part that uses the value must accept too.
var values = map[string][]string{
	`site = "high-street"`: {`"a"`, `"-"`, `"---"`, `"0"`, `"a-0"`, `"` + strings.Repeat("a", 32) + `"`,
		`"` + strings.Repeat("a", 33) + `"`, `"A"`, `"a.b"`, `"a/b"`, `"ä"`, `""`, `"a b"`, `"a+b"`},
	`id   = "room-3"`: {`"a"`, `"-"`, `"--a"`, `"0"`, `"` + strings.Repeat("9", 32) + `"`, `"a_b"`, `"#"`, `"+"`},
	`name = "Consulting room 3"`: {`""`, `" "`, `"` + strings.Repeat("ä", 100) + `"`,
		`"` + strings.Repeat("🎙", 100) + `"`,
		`"{{ value }} \"quoted\" <b>"`, `"'"`, `"100 %"`, `"a\u00a0b"`,
		`"a\u200bb"`, `"\ufeff"`, `"\ufffd"`},
	`notice  = "2026-03"`: {`""`, `"` + strings.Repeat("\u00e4", 100) + `"`,
		`"` + strings.Repeat("<", 100) + `"`, `"\\"`, `"\u2028"`},
	`purpose = "Your own record of this consultation"`: {`""`, `"` + strings.Repeat("🎙", 500) + `"`,
		`"` + strings.Repeat("\\\"", 500) + `"`, `"` + strings.Repeat("&", 500) + `"`},
	`party    = "patient"`: {`"a"`, `"-"`, `"` + strings.Repeat("a", 32) + `"`, `"clinician"`, `"room"`, `"a1"`},
	`line     = "GPIO5"`: {`"GPIO0"`, `"GPIO9"`, `"GPIO27"`, `"gpiochip0:5"`, `"gpiochip0:7"`, `"gpiochip1:0"`,
		`"gpiochip1:3"`, `"GPIO05"`, `"J8:29"`, `"pinctrl:5"`, `"gpiochip0:05"`, `"5"`},
	`style    = "momentary"`: {`"latching"`},
	`debounce = "30ms"`:      {`"1ms"`, `"100ms"`, `"999us"`, `"0s"`},
	`codec    = "opus"`:      {`"flac"`, `"wav"`, `"mp3"`},
	`rate     = 48000`: {`8000`, `11025`, `12000`, `16000`, `22050`, `24000`, `32000`, `44100`, `96000`, `192000`,
		`0`},
	`channels = 1`:     {`2`, `0`, `3`},
	`bitrate  = 48000`: {`6000`, `256000`, `5999`, `256001`},
	`name = "nas"`:     {`"a"`, `"-"`, `"0"`, `"` + strings.Repeat("a", 32) + `"`, `"A"`, `"a.b"`},
	`label = "TACET"`:  {`"a"`, `"ROOM 3 A"`, `"` + strings.Repeat("A", 16) + `"`, `"-"`, `"ä"`},
	`url  = "sftp://room-3@backup.lan/recordings"`: {`"sftp://u@h/"`, `"sftp://u@h:22/p"`, `"sftp://u@h:65535/p"`,
		`"sftp://u@[::1]/p"`, `"sftp://u@[fe80::1%25lo]:2222/p"`, `"sftp://a%20b@h/c%20d"`, `"sftp://u@h/100%25"`,
		`"sftp://u@h/ä"`, `"sftp://u%40d@h/p"`, `"sftp://u@h/a/../b"`, `"sftp://u@h//p"`, `"sftp://u@h/p?x"`,
		`"sftp://u@h/%00"`, `"sftp://u@H.LAN/p"`, `"sftp://u@192.0.2.1/p"`, `"sftp://u@fd00::1/p"`, `"sftp://u@h:/p"`,
		`"sftp://@h/p"`},
	`bucket   = "tacet"`: {`"abc"`, `"a-b.c"`, `"` + strings.Repeat("a", 63) + `"`, `"ab"`, `"A"`, `"a_b"`, `"-ab"`,
		`"my..bucket"`, `"a.-b"`, `"a-.b"`, `"192.168.1.1"`, `"1.2.3.4.5"`, `"xn--abc"`},
	`prefix   = "high-street/"`: {`""`, `"a"`, `"a/b/c/"`, `"a=b/"`, `"A_b-c.d/"`, `"/a"`, `"a//b"`, `"../a/"`,
		`"` + strings.Repeat("a", 199) + `/"`},
	`region   = "us-east-1"`: {`"a"`, `"EU"`, `"` + strings.Repeat("a", 64) + `"`, `""`},
	`path_style = true`:      {`false`},
	`lock     = "0d"`:        {`"1s"`, `"36500d"`},
	`broker   = "mqtts://broker.lan:8883"`: {`"mqtt://broker.lan"`, `"mqtts://broker.lan"`, `"mqtts://broker.lan/"`,
		`"mqtts://[::1]:8883"`, `"mqtt://192.0.2.1:1"`, `"mqtts://BROKER.lan:65535"`, `"mqtts://[fe80::1%25lo]"`,
		`"mqtts://[fe80::1%25lo]:8883"`, `"mqtts://fd00::1"`, `"mqtts://h%20x"`, `"mqtts://u@h"`, `"mqtts://h/x"`,
		`"ws://h"`, `"mqtts://h?x"`},
	`homeassistant = "homeassistant"`: {`""`, `"ha"`, `"a/b/c/d"`, `"a_b-c"`, `"` + strings.Repeat("a", 64) + `"`,
		`"home.assistant"`, `"a#"`, `"+"`, `"/a"`, `"a/"`, `"$SYS"`},
}

func TestPartsAcceptWhatTheConfigAccepts(t *testing.T) {
	dir := t.TempDir()
	recipient := newRecipient(t)
	for name, text := range map[string]string{"practice.pub": recipient + "\n", "access": "key\n", "secret": "key\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	base := strings.NewReplacer(`"/etc/tacet/s3_access"`, `"`+dir+`/access"`, `"/etc/tacet/s3_secret"`,
		`"`+dir+`/secret"`).Replace(example)
	accepted, refused := 0, 0
	try := func(line, value string) {
		t.Run(line+" as "+fmt.Sprintf("%.40s", value), func(t *testing.T) {
			text := base
			if line != "" {
				key, _, _ := strings.Cut(line, "=")
				if strings.Count(base, "\n"+line) != 1 {
					t.Fatalf("the example has no line %s", line)
				}
				text = strings.Replace(base, "\n"+line, "\n"+key+"= "+value, 1)
			}
			cfg, _, err := config.Parse(filepath.Join(dir, "tacet.toml"), []byte(text))
			if err != nil {
				refused++
				return
			}
			accepted++
			for part, err := range use(t, cfg) {
				if err != nil {
					t.Errorf("%s refuses what the configuration accepts: %v", part, err)
				}
			}
		})
	}
	try("", "unchanged")
	for line, list := range values {
		for _, value := range list {
			try(line, value)
		}
	}
	if accepted < 90 || refused < 40 {
		t.Errorf("%d values were accepted and %d refused: the test is broken", accepted, refused)
	}
}

func newRecipient(t *testing.T) string {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String()
}

// use passes the configuration to each part, as the daemon does.
func use(t *testing.T, cfg *config.Config) map[string]error {
	t.Helper()
	errs := map[string]error{"the recording": record(cfg)}
	_, errs["the wiring"] = hw.OpenOn(board(), wiring(cfg))
	a := cfg.Audio
	_, errs["the encoder"] = audio.NewEncoder(audio.Format{Codec: a.Codec, Rate: a.Rate, Channels: a.Channels,
		Bitrate: a.Bitrate, ID: "7q4k9mz2ha"})
	o := mqtt.Options{Broker: cfg.MQTT.Broker, Username: cfg.MQTT.Username, Site: cfg.Room.Site, Room: cfg.Room.ID,
		RoomName: cfg.Room.Name, HomeAssistant: cfg.MQTT.HomeAssistant,
		Log: slog.New(slog.DiscardHandler)}
	for _, s := range cfg.Stores {
		o.Stores = append(o.Stores, s.Name)
	}
	_, errs["the status"] = mqtt.New(o)
	maker, err := stores.New(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range cfg.Stores {
		_, errs["the mark of "+s.Name] = mark.New(cfg.Room.Site, cfg.Room.ID, s.Name)
		switch kind := maker.Kind(cfg)(s, nil).(type) {
		case sftp.Kind:
			errs["SFTP"] = checkSFTP(kind)
		case s3.Kind:
			errs["S3"] = checkS3(t, kind)
		}
	}
	return errs
}

// board returns the lines of a Raspberry Pi, and a second chip.
func board() *hwtest.Board {
	var names []string
	for n := range 58 {
		names = append(names, fmt.Sprintf("GPIO%d", n))
	}
	b := hwtest.NewBoard(names...)
	b.AddChip("gpiochip1", "another", "", "", "", "")
	return b
}

func wiring(cfg *config.Config) hw.Wiring {
	w := hw.Wiring{Light: hw.Output{Line: cfg.Light.Line, ActiveLow: cfg.Light.Active == config.Low}}
	for _, b := range cfg.Buttons {
		w.Buttons = append(w.Buttons, hw.Input{Line: b.Line, ActiveLow: b.ActiveLow()})
	}
	w.Door = &hw.Input{Line: cfg.Door.Line, ActiveLow: cfg.Door.ActiveLow()}
	w.Sense = &hw.Input{Line: cfg.Light.Sense}
	w.Status = &hw.Output{Line: cfg.StatusLight.Line}
	w.Buzzer = &hw.Output{Line: cfg.Buzzer.Line, ActiveLow: cfg.Buzzer.ActiveLow()}
	return w
}

// record makes a recording without sound, and verifies it.
func record(cfg *config.Config) error {
	skey, vkey, err := recording.NewUnitKey(cfg.Room.Site, cfg.Room.ID)
	if err != nil {
		return err
	}
	unit, err := note.NewSigner(skey)
	if err != nil {
		return err
	}
	to, err := recording.ParseRecipients(cfg.Encrypt.Recipients)
	if err != nil {
		return err
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	a := cfg.Audio
	h := recording.Head{ID: "7q4k9mz2ha", Site: cfg.Room.Site, Room: cfg.Room.ID, Started: time.Unix(1_800_000_000, 0),
		Clock: "synced", Boot: "boot-1", Parties: cfg.Parties(),
		Notice: cfg.Consent.Notice, Purpose: cfg.Consent.Purpose, Light: "proved", UnitKey: vkey,
		Audio: recording.Audio{Codec: a.Codec, Rate: a.Rate, Channels: a.Channels, Bitrate: a.Bitrate}}
	for _, r := range cfg.Encrypt.Recipients {
		h.Recipients = append(h.Recipients, recording.Fingerprint(r))
	}
	sealed, err := recording.SealIdentity(id, h.Origin(), to)
	if err != nil {
		return err
	}
	s, err := recording.NewSealer(h, recording.Key{Age: sealed, Recipient: id.Recipient()}, unit)
	if err != nil {
		return err
	}
	var acts []recording.Act
	for _, b := range cfg.Buttons {
		acts = append(acts, recording.Act{Party: b.Party, Act: "gave", Time: h.Started, Line: b.Line})
	}
	head, err := s.Begin(acts)
	if err != nil {
		return err
	}
	end, err := s.End(recording.End{Reason: recording.Withdrawn}, acts)
	if err != nil {
		return err
	}
	file := slices.Concat(head, end)
	rep, err := recording.Verify(bytes.NewReader(file), int64(len(file)), recording.Options{Units: []string{vkey}})
	if err != nil {
		return err
	}
	if rep.State != recording.Whole || !rep.Vouched {
		return fmt.Errorf("it is %v: %s", rep.State, rep.Why)
	}
	if _, room, _, err := recording.ParseName(h.FileName()); err != nil || room != cfg.Room.ID {
		return fmt.Errorf("its name %s has the room %q: %w", h.FileName(), room, err)
	}
	return nil
}

// checkSFTP checks that the address can be dialled, and that the folder is absolute.
func checkSFTP(k sftp.Kind) error {
	host, port, err := net.SplitHostPort(k.Addr)
	if err != nil {
		return err
	}
	if _, err := net.LookupPort("tcp", port); err != nil || host == "" || strings.ContainsAny(host, ":[]/% ") &&
		net.ParseIP(strings.Split(host, "%")[0]) == nil {
		return fmt.Errorf("%q can't be dialled: %w", k.Addr, err)
	}
	if k.User == "" || !strings.HasPrefix(k.Path, "/") || strings.Contains(k.User+k.Path, "%20") {
		return fmt.Errorf("the user is %q, and the folder %q", k.User, k.Path)
	}
	return nil
}

// checkS3 checks that a request reaches the server. With a bad bucket name the client makes no
// request.
func checkS3(t *testing.T, k s3.Kind) error {
	t.Helper()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusForbidden)
	}))
	defer server.Close()
	k.Endpoint, k.CA = server.URL, ""
	if !k.PathStyle {
		return nil // the bucket is part of the host name, which can't be resolved here
	}
	m, err := k.Open(t.Context())
	if err == nil {
		m.Close()
	}
	if asked.Load() == 0 {
		return fmt.Errorf("no request was made: %w", err)
	}
	return nil
}
