package confinement

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tacet/config"
	"tacet/systemd/needs"
)

const unitFile = "../../../systemd/tacetd.service"

func unitText(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Out of 10. What is left comes with the task: sound cards, GPIO lines, network, and the question
// whether the clock is synchronised.
func TestExposureOfTheService(t *testing.T) {
	analyze := needs.Program(t, "systemd-analyze", "systemd")
	unit, err := filepath.Abs(unitFile)
	if err != nil {
		t.Fatal(err)
	}
	unitText(t) // so that the go command knows that this test depends on it
	out, err := exec.Command(analyze, "security", "--no-pager", "--offline=true", "--threshold=15", unit).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "Overall exposure level for tacetd.service: ") {
		t.Errorf("the exposure is above 1.5, or unknown: %v\n%s", err, out)
	}
}

// Every setting of the sandbox is explained: a comment stands above it, or above the lines of the
// same name that it goes on.
func TestEachLineOfTheSandboxIsExplained(t *testing.T) {
	confining := Settings(unitText(t))
	before := ""
	for line := range strings.Lines(unitText(t)) {
		line = strings.TrimSpace(line)
		name, _, _ := strings.Cut(line, "=")
		if slices.Contains(confining, line) && before != "#" && before != name {
			t.Errorf("no comment above %s", line)
		}
		if before = name; strings.HasPrefix(line, "#") {
			before = "#"
		}
	}
}

// The service can't write to /etc, where root's files are, even if their modes let it: it has another
// user, everything is read-only, and nothing there is an exception.
func TestTheServiceCantWriteToEtc(t *testing.T) {
	text := unitText(t)
	settings := Settings(text)
	if Last(settings, "ProtectSystem") != "strict" {
		t.Error("it may write outside of its folders")
	}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch {
		case name == "User" && value != "tacet":
			t.Errorf("it is user %s", value)
		case name != "ReadWritePaths" && name != "BindPaths" && name != "ConfigurationDirectory":
		case strings.Contains(value, "/etc") || strings.Contains(" "+value+" ", " / ") || name == "ConfigurationDirectory":
			t.Errorf("it may write there: %s", strings.TrimSpace(line))
		}
	}
	if !strings.Contains(text, "\nUser=tacet\n") {
		t.Error("it is root")
	}
}

// Doctor takes over each setting of the service that is not about how it is started and watched.
func TestDoctorTakesTheWholeSandbox(t *testing.T) {
	taken := Settings(unitText(t))
	others := []string{"Type", "ExecStart", "ExecReload", "ExecStopPost", "WatchdogSec", "Restart", "RestartSec",
		"RestartPreventExitStatus", "TimeoutStopSec", "RuntimeDirectory", "RuntimeDirectoryMode", "OOMScoreAdjust",
		"CPUWeight", "TimerSlackNSec"}
	_, service, _ := strings.Cut(unitText(t), "[Service]\n")
	service, _, _ = strings.Cut(service, "[Install]\n")
	for line := range strings.Lines(service) {
		line = strings.TrimSpace(line)
		name, _, ok := strings.Cut(line, "=")
		if strings.HasPrefix(line, "#") || !ok {
			continue
		}
		if took := slices.Contains(taken, line); took == slices.Contains(others, name) {
			t.Errorf("%s: taken over: %v", line, took)
		}
	}
}

func TestSettingsOfAUnitWithDropIns(t *testing.T) {
	got := Settings(`# /lib/systemd/system/tacetd.service
[Unit]
User=nobody
[Service]
User = tacet
ExecStart=/usr/bin/tacetd
ReadWritePaths=/a \
# in between
  /b
Restart=always

# /etc/systemd/system/tacetd.service.d/x.conf
[Service]
RestrictRealtime=yes
ReadWritePaths=
[Install]
Environment=X=1
`)
	want := []string{"User=tacet", "ReadWritePaths=/a  /b", "RestrictRealtime=yes", "ReadWritePaths="}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if Last(got, "User") != "tacet" || Last(got, "Group") != "" {
		t.Errorf("User=%s Group=%s", Last(got, "User"), Last(got, "Group"))
	}
}

// The folders here are those of the unit file.
func TestFoldersOfTheUnitFile(t *testing.T) {
	settings := Settings(unitText(t))
	got := []string{"/var/lib/" + Last(settings, "StateDirectory")}
	for path := range strings.FieldsSeq(Last(settings, "ReadWritePaths")) {
		got = append(got, strings.TrimPrefix(path, "-"))
	}
	if !slices.Equal(got, writable) {
		t.Errorf("the unit file leaves %q writable, not %q", got, writable)
	}
	for _, s := range settings {
		list, ok := strings.CutPrefix(s, "InaccessiblePaths=")
		if !ok {
			continue
		}
		for path := range strings.FieldsSeq(list) {
			folder := strings.TrimPrefix(path, "-")
			c := &config.Config{Spool: config.Spool{Path: folder + "/x"}, Unit: config.Unit{Key: "/var/lib/tacet/unit.key"}}
			if out := Outside(c); len(out) != 1 || !out[0].Hidden {
				t.Errorf("the unit file hides %s, and this does not: %v", folder, out)
			}
		}
	}
}

func TestDropIn(t *testing.T) {
	c := &config.Config{
		Unit:  config.Unit{Key: "/data/keys/unit.key"},
		Spool: config.Spool{Path: "/data/spool"},
		Stores: []config.Store{
			{Kind: config.Folder, Path: "/mnt/nas"}, {Kind: config.Folder, Path: "/srvx"},
			{Kind: config.Folder, Path: `/100% "odd" place`}, {Kind: config.Folder, Path: "/home/pi/copies"},
			{Kind: config.Folder, Path: "/data/spool"}, {Kind: config.Drive},
		},
	}
	var keys []string
	for _, f := range Outside(c) {
		keys = append(keys, f.Key+" "+f.Path)
	}
	want := []string{"unit.key /data/keys", "spool.path /data/spool", "store.path /srvx",
		`store.path /100% "odd" place`, "store.path /home/pi/copies", "store.path /data/spool"}
	if !slices.Equal(keys, want) {
		t.Errorf("outside: %q, want %q", keys, want)
	}
	if got, want := DropIn(Outside(c)), "[Service]\nReadWritePaths=-/data/keys -/data/spool -/srvx "+
		`"-/100%% \"odd\" place"`+"\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	c = &config.Config{Unit: config.Unit{Key: "/home/pi/key"}, Spool: config.Spool{Path: "/srv/spool"}}
	if got := DropIn(Outside(c)); got != "" {
		t.Errorf("a drop-in for a folder that it can't open: %q", got)
	}
}
