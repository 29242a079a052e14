package settings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tacet/cmd/internal/dashboard/notice"
	"tacet/daemon/health"
)

// folder has the files that the example names.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"mail_password": "secret\r\n", "ntfy_url": "https://ntfy.example/topic-secret", "ntfy_token": "tk_secret",
		"ping_url": "https://ping.example/uuid-secret", "http_url": "http://ntfy.example/topic-secret",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestExample(t *testing.T) {
	dir := folder(t)
	name := filepath.Join(dir, "notices.toml")
	if err := os.WriteFile(name, Example, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Read(name, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Channels) != 2 || len(s.Rules) != 2 || s.Summary == nil || s.Ping == nil ||
		s.Page != "https://dashboard.practice.example:8081" {
		t.Fatalf("%+v", s)
	}
	// The example shows the defaults.
	if r := s.Rules[0]; r.Grace != notice.DefaultGrace || r.Group != notice.DefaultGroup ||
		r.Clear != notice.DefaultClear ||
		r.Cooldown != notice.DefaultCooldown || r.Remind != notice.DefaultRemind || r.PerHour != notice.DefaultPerHour ||
		r.Severity != health.Attention {
		t.Errorf("%+v", r)
	}
	if r := s.Rules[1]; r.Grace != 2*time.Minute || r.Severity != health.Fault || r.To[0] != "phone" {
		t.Errorf("%+v", r)
	}
	if s.Summary.Day != time.Monday || s.Summary.Minute != 8*60 || s.Ping.Every != 5*time.Minute {
		t.Errorf("%+v %+v", s.Summary, s.Ping)
	}
	if a := s.Channels[0].Name; a == s.Channels[1].Name || !strings.HasPrefix(a, "manager#") {
		t.Error(a)
	}
	if link := s.Link("high-street", "room-3"); link != "https://dashboard.practice.example:8081/room/high-street/room-3" {
		t.Error(link)
	}
}

// The least that somebody has to write.
func TestShortFile(t *testing.T) {
	s, err := Parse([]byte(`
		[mail]
		server = "smtp.practice.example"
		from = "dashboard@practice.example"
		[[to]]
		name = "manager"
		mail = ["manager@practice.example", "deputy@practice.example"]
	`), t.TempDir(), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Channels) != 2 || len(s.Rules) != 1 || s.Rules[0].To[0] != "manager" || s.Summary != nil || s.Ping != nil {
		t.Errorf("%+v", s)
	}
}

// Each mistake is reported, with what to write instead, and all at once. No error repeats a secret.
func TestMistakes(t *testing.T) {
	dir := folder(t)
	const good = "[mail]\nserver=\"smtp.example\"\nfrom=\"a@b.example\"\n[[to]]\nname=\"m\"\nmail=[\"m@b.example\"]\n"
	const to = "[[to]]\nname=\"m\"\nmail=[\"m@b.example\"]"
	for text, want := range map[string]string{
		"":         "add a [[to]]",
		"evil = 1": "unknown key",
		good + "[[rule]]\nname=\"A b\"\nto=[\"m\"]":                               "a-z",
		good + "[[rule]]\nname=\"a\"\nto=[\"n\"]":                                 "there are m",
		good + "[[rule]]\nname=\"a\"":                                             "to is missing",
		good + "[[rule]]\nname=\"a\"\nto=[\"m\"]\nseverity=\"bad\"":               "attention",
		good + "[[rule]]\nname=\"a\"\nto=[\"m\"]\ngrace=\"5\"":                    "90s",
		good + "[[rule]]\nname=\"a\"\nto=[\"m\"]\nclear=\"10s\"":                  "1m",
		good + "[[rule]]\nname=\"a\"\nto=[\"m\"]\nremind=\"5m\"":                  "1h",
		good + "[[rule]]\nname=\"a\"\nto=[\"m\"]\nper_hour=0":                     "1 to 60",
		good + "[[rule]]\nname=\"a\"\nto=[\"m\"]\ncodes=[\"mic-gone\"]":           "no code",
		good + "[[rule]]\nname=\"a\"\nto=[\"m\"]\nsites=[\"High St\"]":            "a-z",
		good + strings.Repeat("[[rule]]\nname=\"a\"\nto=[\"m\"]\n", 2):            "twice",
		good + strings.Repeat("[[rule]]\nname=\"a\"\nto=[\"m\"]\n", 33):           "more than 32",
		good + "[[to]]\nname=\"m\"\nmail=[\"m@b.example\"]":                       "twice",
		good + "[[to]]\nname=\"x\"":                                               "either mail",
		good + "[[to]]\nname=\"x\"\nmail=[\"no address\"]":                        "no mail address",
		good + "[[to]]\nname=\"x\"\nstyle=\"sms\"\nurl=\"https://x/y\"":           "ntfy",
		good + "[[to]]\nname=\"x\"\nstyle=\"ntfy\"":                               "url_file",
		good + "[[to]]\nname=\"x\"\nstyle=\"slack\"\nurl=\"https://x/\"":          "into a file",
		good + "[[to]]\nname=\"x\"\nstyle=\"ntfy\"\nurl_file=\"http_url\"":        "write https",
		good + "[[to]]\nname=\"x\"\nstyle=\"ntfy\"\nurl_file=\"absent\"":          "no such file",
		good + "[weekly]\nto=[\"m\"]\nday=\"someday\"\nat=\"08:00\"":              "monday",
		good + "[weekly]\nto=[\"m\"]\nday=\"monday\"\nat=\"8\"":                   "08:00",
		good + "[ping]\nurl=\"http://192.0.2.1/x\"":                               "write https",
		good + "[ping]\nurl=\"https://x/y\"\nevery=\"1s\"":                        "30s",
		"page = \"dashboard\"\n" + good:                                           "https://",
		"[mail]\nserver=\"s:x\"\nfrom=\"a@b.example\"\n" + to:                     "smtp.practice.example:587",
		"[mail]\nserver=\"s\"\ntls=\"ssl\"\nfrom=\"a@b.example\"\n" + to:          "implicit",
		"[mail]\nserver=\"s\"\nusername=\"u\"\nfrom=\"a@b.example\"\n" + to:       "belong together",
		"[mail]\nserver=\"s\"\nca=\"mail_password\"\nfrom=\"a@b.example\"\n" + to: "PEM",
		"[mail]\nserver=\"s\"\nfrom=\"nobody\"\n" + to:                            "no mail address",
		"[[to]]\nname=\"m\"\nmail=[\"m@b.example\"]":                              "[mail]",
	} {
		_, err := Parse([]byte(text), dir, time.UTC)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error contains a secret: %v", err)
		}
	}
	four := good + `
[[rule]]
name="a"
to=["n"]
grace="5"
[weekly]
to=["m"]
day="x"
at="y"`
	_, err := Parse([]byte(four), dir, time.UTC)
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("not all at once: %v", err)
	}
}

// A secret is read each time, so that it can be changed while the dashboard runs.
func TestSecretIsReadAgain(t *testing.T) {
	dir := folder(t)
	s, err := Parse([]byte(`
[[to]]
name="m"
style="webhook"
url="https://x.example/y"
[ping]
url_file="ping_url"`), dir, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ping_url"), []byte("https://ping.example/new\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if address, err := s.Ping.URL(); err != nil || address != "https://ping.example/new" {
		t.Errorf("%s, %v", address, err)
	}
}
