package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tacet/daemon/recording"
	"tacet/hw/simpanel"
)

func TestAUnitIsMadeFromNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "folder")
	u, err := prepare(options{dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if len(u.warnings) > 0 {
		t.Errorf("its config has warnings: %v", u.warnings)
	}
	if parties := u.cfg.Parties(); !slices.Equal(parties, []string{"patient", "clinician"}) {
		t.Errorf("its parties are %v", parties)
	}
	if info, err := os.Stat(filepath.Join(dir, "spool")); err != nil || !info.IsDir() {
		t.Errorf("no spool: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, officeKey)); err != nil || info.Mode() != 0o600 {
		t.Errorf("the office's key: %v, %v", info, err)
	}
	if u.cfg.Unit.Key != filepath.Join(dir, "unit.key") || u.mic == autoMic {
		t.Errorf("its key is %s, its microphone %s", u.cfg.Unit.Key, u.mic)
	}
	if s := u.front(); !s.Sense || !s.StatusLight || !s.Buzzer || s.Door || !s.Drive || len(s.Buttons) != 2 {
		t.Errorf("its front is %+v", s)
	}
	if c := u.card(); c.Room != "Consulting room 3" || !c.Key {
		t.Errorf("its head says %+v", c)
	}
	if wall, err := u.wall(); err != nil || !strings.Contains(string(wall), "It stops by itself after 60 minutes.") ||
		!strings.Contains(string(wall), "quiet for 5 minutes") {
		t.Errorf("its card says %s, %v", wall, err)
	}
	if len(u.identities) != 1 {
		t.Fatalf("%d identities", len(u.identities))
	}

	again, err := prepare(options{dir: dir, mic: "hw:CARD=Device,DEV=0"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again.cfg.Encrypt.Recipients, u.cfg.Encrypt.Recipients) {
		t.Error("another start makes another office's key")
	}
	if again.mic != "hw:CARD=Device,DEV=0" {
		t.Errorf("the microphone that was named is %s", again.mic)
	}
}

const given = `
[room]
site = "high-street"
id   = "room-3"
[[button]]
line  = "GPIO5"
style = "latching"
[light]
line = "GPIO27"
[door]
line = "GPIO6"
[audio]
device = "hw:CARD=Device,DEV=0"
[encrypt]
recipients = [%q]
[spool]
path = %q
[[store]]
name = "drive"
kind = "drive"
label = "TACET"
`

// configFor writes a config with a key of its own, and an extra section.
func configFor(t *testing.T, extra string) (path, spool string) {
	t.Helper()
	dir := t.TempDir()
	u, err := prepare(options{dir: filepath.Join(dir, "office")})
	if err != nil {
		t.Fatal(err)
	}
	spool = filepath.Join(dir, "deep", "spool")
	text := strings.NewReplacer("[%q]", `["`+u.cfg.Encrypt.Recipients[0]+`"]`, "%q", `"`+spool+`"`).Replace(given) + extra
	path = filepath.Join(dir, "unit.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, spool
}

func TestAConfigIsUsedAsItIs(t *testing.T) {
	path, spool := configFor(t, "")
	dir := t.TempDir()
	u, err := prepare(options{config: path, dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(spool); err != nil || !info.IsDir() {
		t.Errorf("its spool wasn't made: %v", err)
	}
	if u.mic != "hw:CARD=Device,DEV=0" {
		t.Errorf("its microphone is %s", u.mic)
	}
	if u.cfg.Unit.Key != filepath.Join(dir, "unit.key") {
		t.Errorf("the unit's own key is not in -dir but %s", u.cfg.Unit.Key)
	}
	if s := u.front(); !s.Door || !s.Drive || s.Sense || s.StatusLight || s.Buzzer ||
		!slices.Equal(s.Buttons, []simpanel.Button{{Party: "room", Latching: true}}) {
		t.Errorf("its front is %+v", s)
	}
	if len(u.identities) != 0 || u.card().Key {
		t.Error("it has a key that is not in the folder")
	}
	if made, _ := filepath.Glob(filepath.Join(dir, "*")); len(made) != 0 {
		t.Errorf("it made %v", made)
	}
	key := filepath.Join(t.TempDir(), "own.key")
	path, _ = configFor(t, "[unit]\nkey = \""+key+"\"\n")
	if u, err = prepare(options{config: path, dir: dir}); err != nil || u.cfg.Unit.Key != key {
		t.Errorf("the config's path of the key is not used: %v", err)
	}
	if u.keys() != nil {
		t.Error("it knows a key that isn't there yet")
	}
	skey, vkey, err := recording.NewUnitKey("high-street", "room-3")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(key, []byte(skey+"\n"+vkey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if known := u.keys(); !slices.Equal(known, []string{vkey}) {
		t.Errorf("it knows the keys %v", known)
	}
}

func TestABadConfigIsReportedByLine(t *testing.T) {
	path, _ := configFor(t, "[mqtt]\nbrocker = \"mqtt://a\"\n[nonsense]\n")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	demo := exec.Command(self, "-config", path, "-dir", t.TempDir(), "-listen", "127.0.0.1:0")
	demo.Env = append(os.Environ(), asDemo+"=1")
	var output bytes.Buffer
	demo.Stderr = &output
	demo.Run()
	if code := demo.ProcessState.ExitCode(); code != 78 {
		t.Errorf("it exits with %d", code)
	}
	for _, want := range []string{path + ":", "brocker", "nonsense"} {
		if !strings.Contains(output.String(), want) {
			t.Errorf("%s is not reported:\n%s", want, output.String())
		}
	}
}

// If the page's address is taken, nothing is made.
func TestAnAddressThatIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "new")
	demo := exec.Command(self, "-listen", taken.Addr().String(), "-dir", dir)
	demo.Env = append(os.Environ(), asDemo+"=1")
	output, _ := demo.CombinedOutput()
	if code := demo.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(output), "hint: choose another address with -listen") {
		t.Errorf("it exits with %d and prints\n%s", code, output)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it made its folder: %v", err)
	}
}

func TestArgumentsThatMakeNoSense(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-nonsense"}, {"-listen", "127.0.0.1:0", "more"}} {
		demo := exec.Command(self, args...)
		demo.Env = append(os.Environ(), asDemo+"=1")
		demo.Run()
		if code := demo.ProcessState.ExitCode(); code != 2 {
			t.Errorf("%v: it exits with %d", args, code)
		}
	}
}

func TestTheMachinesOwnMicrophone(t *testing.T) {
	sysfs := t.TempDir()
	if got := auto(sysfs); got != voiceMic {
		t.Errorf("without a card: %s", got)
	}
	for _, c := range []struct{ name, want string }{{"pcmC0D0p", voiceMic}, {"pcmC0D0c", "default"}} {
		if err := os.Mkdir(filepath.Join(sysfs, c.name), 0o700); err != nil {
			t.Fatal(err)
		}
		if got := auto(sysfs); got != c.want {
			t.Errorf("with %s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestWhereThePageIsReached(t *testing.T) {
	for at, want := range map[string]string{"127.0.0.1:8080": "127.0.0.1:8080", "0.0.0.0:80": "localhost:80",
		"[::]:80": "localhost:80", "[::1]:80": "[::1]:80"} {
		a, err := net.ResolveTCPAddr("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		if got := pageHost(a); got != want {
			t.Errorf("%s is reached at %s", at, got)
		}
	}
}
