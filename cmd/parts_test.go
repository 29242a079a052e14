package cmd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	slash "path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"tacet/audio"
	"tacet/cmd/internal/card"
	"tacet/cmd/internal/confinement"
	"tacet/cmd/internal/stores"
	"tacet/config"
	"tacet/config/textfile"
	"tacet/daemon/consent"
	"tacet/daemon/mqtt"
	"tacet/daemon/recording"
	"tacet/daemon/store"
	"tacet/daemon/store/local"
	"tacet/daemon/store/local/mark"
	"tacet/daemon/store/s3"
	"tacet/daemon/store/sftp"
	"tacet/hw"
	"tacet/hw/hwtest"
)

func newRecipient(t *testing.T) string {
	t.Helper()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return id.Recipient().String()
}

// use passes the configuration to each part, as the programs do.
func use(t *testing.T, cfg *config.Config) map[string]error {
	t.Helper()
	errs := map[string]error{"the recording": record(cfg), "the consent": lapse(cfg), "the card": printed(cfg),
		"the sandbox": confined(cfg), "the files": readable(cfg)}
	_, errs["the wiring"] = hw.OpenOn(board(), wiring(cfg))
	a := cfg.Audio
	encoder, err := audio.NewEncoder(audio.Format{Codec: a.Codec, Rate: a.Rate, Channels: a.Channels,
		Bitrate: a.Bitrate, ID: "7q4k9mz2ha"})
	if errs["the encoder"] = err; err == nil {
		_, errs["the encoder"] = encoder.Close() // or its memory stays locked, of which an ordinary user has little
	}
	if strings.ContainsFunc(a.Device, unicode.IsControl) || audio.Mixer(a.Device) == "" {
		errs["the microphone"] = fmt.Errorf("%q is no name for ALSA", a.Device)
	}
	o := mqtt.Options{Broker: cfg.MQTT.Broker, Username: cfg.MQTT.Username, Site: cfg.Room.Site, Room: cfg.Room.ID,
		RoomName: cfg.Room.Name, HomeAssistant: cfg.MQTT.HomeAssistant,
		Log: slog.New(slog.DiscardHandler)}
	for _, s := range cfg.Stores {
		o.Stores = append(o.Stores, s.Name)
	}
	_, errs["the status"] = mqtt.New(o)
	if r := store.Release(cfg.Spool.Release); r != store.ReleaseAll && r != store.ReleaseAny && r != store.ReleaseNever {
		errs["the release"] = fmt.Errorf("there is no %q", r)
	}
	if cfg.Spool.Reserve < 0 || int64(cfg.Spool.Reserve.Seconds()) > math.MaxInt64/(4*192_000) {
		errs["the reserve"] = fmt.Errorf("%v is no time whose bytes can be counted", cfg.Spool.Reserve)
	}
	if r := cfg.Buzzer.Repeat; r < 0 || r > 0 && r < 10*time.Second {
		errs["the buzzer"] = fmt.Errorf("it would sound every %v", r)
	}
	useStores(t, cfg, errs)
	return errs
}

// useStores makes the stores. Each kind must be there: otherwise nothing would be tried.
func useStores(t *testing.T, cfg *config.Config, errs map[string]error) {
	t.Helper()
	maker, err := stores.New(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	bare := *cfg
	bare.Spool.Path = "" // with a spool each kind is wrapped
	made := map[string]bool{}
	for _, s := range cfg.Stores {
		_, errs["the mark of "+s.Name] = mark.New(cfg.Room.Site, cfg.Room.ID, s.Name)
		made[s.Kind] = true
		switch kind := maker.Kind(&bare)(s, nil).(type) {
		case *local.Drive:
			if kind.Label != s.Label || s.Keep < 0 {
				errs["the drive"] = fmt.Errorf("label %q, keep %v", kind.Label, s.Keep)
			}
		case *local.Folder:
			errs["the folder"] = isPlain(kind.Path)
			if kind.UnmountedOK != s.UnmountedOK {
				errs["the folder"] = errors.New("it may be on a mount, or must not")
			}
		case sftp.Kind:
			errs["SFTP"] = checkSFTP(kind)
		case s3.Kind:
			errs["S3"] = checkS3(t, kind)
		default:
			t.Errorf("store %s is a %T, which is not tried", s.Name, kind)
		}
	}
	if len(made) != len(config.StoreKinds()) {
		t.Errorf("only %d kinds of store are tried", len(made))
	}
}

// lapse gives everybody's consent, and checks that it lapses in time although nobody speaks.
func lapse(cfg *config.Config) error {
	var buttons []consent.Button
	for _, b := range cfg.Buttons {
		style := consent.Momentary
		if b.Latching() {
			style = consent.Latching
		}
		buttons = append(buttons, consent.Button{Party: b.Party, Line: b.Line, Style: style, Debounce: b.Debounce})
	}
	now := time.Unix(1_800_000_000, 0)
	m := consent.New(consent.Settings{Buttons: buttons, Max: cfg.Consent.Max, Quiet: cfg.Consent.Quiet}, now)
	step := func(after time.Duration, ev consent.Event) {
		now = now.Add(after)
		m.Step(now, ev)
	}
	for i := range buttons {
		step(0, consent.Edge{Button: i, At: now}) // nothing is pressed
	}
	step(0, consent.Ready{OK: true})
	for i, b := range buttons {
		step(time.Second, consent.Edge{Button: i, Pressed: true, At: now.Add(time.Second), Fresh: true})
		step(200*time.Millisecond, consent.Tick{})
		if b.Style == consent.Momentary {
			step(0, consent.Edge{Button: i, At: now, Fresh: true})
			step(200*time.Millisecond, consent.Tick{})
		}
	}
	for _, ev := range []consent.Event{consent.Lit{OK: true}, consent.Prepared{OK: true}, consent.Opened{OK: true},
		consent.Samples{}, consent.Keepable{}, consent.Begun{OK: true}} {
		step(0, ev)
	}
	if m.Phase() != consent.Recording {
		return fmt.Errorf("after everybody's press it is %s", m.Phase())
	}
	want, began := cfg.Consent.Max, now
	if q := cfg.Consent.Quiet; q > 0 {
		want = min(want, q)
	}
	for range 10 {
		at, ok := m.Deadline()
		if !ok {
			return errors.New("it never lapses")
		}
		step(at.Sub(now), consent.Tick{})
		if m.Phase() == consent.Recording {
			continue
		}
		if lasted := now.Sub(began); lasted > want || lasted < want-2*time.Second {
			return fmt.Errorf("it lapses after %v, not %v", lasted, want)
		}
		return nil
	}
	return errors.New("it goes on")
}

// printed makes the card for the wall in each language, and the link on the label.
func printed(cfg *config.Config) error {
	for _, lang := range card.Languages() {
		words, err := card.ReadWords(lang)
		if err != nil {
			return err
		}
		for _, large := range []bool{false, true} {
			page, err := card.New(cfg, words).Page(large)
			if err != nil {
				return err
			}
			if bytes.Contains(page, []byte("{max}<")) || bytes.Contains(page, []byte("<b>{")) {
				return errors.New("the card has what somebody wrote as HTML")
			}
		}
	}
	if help := cfg.Card.Help; help != "" {
		if u, err := url.Parse(help); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("the label can't link to %q: %w", help, err)
		}
	}
	return nil
}

// confined makes the drop-in for the unit's folders: one setting, on one line.
func confined(cfg *config.Config) error {
	dropIn := confinement.DropIn(confinement.Outside(cfg))
	if dropIn != "" && strings.Count(dropIn, "\n") != 2 {
		return fmt.Errorf("the drop-in is %q", dropIn)
	}
	return errors.Join(isPlain(cfg.Unit.Key), isPlain(cfg.Spool.Path))
}

// isPlain checks a path of the unit.
func isPlain(p string) error {
	if !slash.IsAbs(p) || slash.Clean(p) != p || strings.ContainsFunc(p, unicode.IsControl) {
		return fmt.Errorf("%q is no path", p)
	}
	return nil
}

// readable reads the files, which all exist here, as the broker's client and the stores do.
func readable(cfg *config.Config) error {
	m := cfg.MQTT
	_, err := mqtt.CredentialFiles{Password: m.PasswordFile, CA: m.CA, Cert: m.Cert, Key: m.ClientKey}.Read()
	errs := []error{err}
	for _, f := range cfg.NamedFiles() {
		_, err := textfile.Read(f.Name, 1<<20)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
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
	w.Sense = &hw.Input{Line: cfg.Light.Sense, ActiveLow: cfg.Light.SenseActive == config.Low}
	w.Status = &hw.Output{Line: cfg.StatusLight.Line, ActiveLow: cfg.StatusLight.ActiveLow()}
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
	k.CA = "" // the file is no certificate
	ended, end := context.WithCancel(t.Context())
	end() // only so far as to the first request
	if _, err := k.Open(ended); !errors.Is(err, context.Canceled) {
		return fmt.Errorf("of endpoint %s: %w", k.Endpoint, err)
	}
	k.Endpoint = server.URL
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
