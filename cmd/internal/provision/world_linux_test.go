package provision

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// fakes replace programs that the first start runs and a test must not. They record what they would
// do in files below $FAKE. The power can fail before each call, of these and of ordinary tools.
var fakes = map[string]string{
	"dpkg": `case "$*" in
*--print-architecture*) echo "${FAKE_ARCH:-arm64}" ;;
*--configure*) echo configure >>"$FAKE/calls" ;;
*-i*)
	if [ -e "$FAKE/locked" ]; then rm "$FAKE/locked"; echo "dpkg: error: dpkg frontend lock was locked by another process"; exit 2; fi
	if [ -e "$FAKE/broken" ]; then echo "dpkg: dependency problems"; exit 1; fi
	for f; do case $f in *.deb) dpkg-deb -f "$f" Package >>"$FAKE/packages"; esac; done ;;
esac`,
	"dpkg-query": `for p; do :; done; if grep -qx "$p" "$FAKE/packages" 2>/dev/null; then echo installed; else exit 1; fi`,
	"dpkg-deb":   `basename "$2" | cut -d_ -f1`,
	"tacetd": `case $1 in
version) [ ! -e "$FAKE/no-run" ] ;;
status) [ -e "$FAKE/started" ] && [ -e "$TACET_ROOT/etc/tacet/tacet.toml" ] && cat "$FAKE/vkey" ;;
esac`,
	"tacet":      `case $1 in check) [ ! -e "$FAKE/refused" ] || { echo "tacet.toml:3: error: room.id: is missing"; exit 1; } ;; esac`,
	"systemctl":  `echo "$*" >>"$FAKE/calls"; case "$*" in *"start tacetd"*) [ -e "$FAKE/no-start" ] || touch "$FAKE/started" ;; esac`,
	"journalctl": `echo "light: no line GPIO27"`,
	"chown":      `echo "chown $*" >>"$FAKE/calls"`,
	"cloud-init": ``,
	"swapoff":    `echo "swapoff $*" >>"$FAKE/calls"`,
	"uname":      `echo "${FAKE_MACHINE:-aarch64}"`,
	"sleep":      ``,
	"sync":       ``,
	"date": `case "$1" in
-s) echo "date $*" >>"$FAKE/calls"; echo "${2#@}" >"$FAKE/now" ;;
+%s) cat "$FAKE/now" ;;
*) echo 2026-11-29T12:00:00Z ;;
esac`,
}

// cut kills everything before the call whose number is in $FAKE/cut: the unit's process group, and
// its own, since timeout runs its command in another.
const cut = `#!/bin/sh
read n <"$FAKE/n"; n=$((n + 1)); echo $n >"$FAKE/n"
read cut <"$FAKE/cut"; [ "$n" != "$cut" ] || { kill -9 "-$UNIT"; kill -9 0; }
`

// harmless fakes change nothing, so a cut before one of them equals a cut before the next call.
var harmless = []string{"dpkg-query", "dpkg-deb", "tacet", "journalctl", "uname", "sleep", "sync"}

// world is a unit that boots from a card.
type world struct {
	t          *testing.T
	root, fake string
	env        []string
}

const unitVkey = "tacet/high-street/room-3+0a1b2c3d+AbCd"

// newWorld returns a unit with Raspberry Pi OS that has never booted.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, root: t.TempDir(), fake: t.TempDir()}
	for name, text := range map[string]string{
		"boot/firmware/config.txt":     "dtparam=audio=on\r\n[cm4]\r\notg_mode=1\r\n",
		"boot/firmware/cmdline.txt":    "console=tty1 root=PARTUUID=1-02 rootwait\n",
		"etc/os-release":               "NAME=Debian\nVERSION_CODENAME=bookworm\n",
		"proc/cmdline":                 "console=tty1\n",
		"sys/class/leds/ACT/trigger":   "mmc0\n",
		"sys/class/leds/ACT/delay_on":  "",
		"sys/class/leds/ACT/delay_off": "",
		"etc/dphys-swapfile":           "",
		"etc/rpi/swap.conf":            "",
	} {
		w.write(name, text)
	}
	bin := t.TempDir()
	real := map[string]string{}
	for _, name := range []string{"cp", "mv", "rm", "mkdir", "ln", "chmod"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		real[name] = `exec ` + path + ` "$@"`
	}
	real["cp"] = `case "$*" in *"/boot/firmware/"*.new) [ ! -e "$FAKE/full" ] || exit 1 ;; esac; ` + real["cp"]
	maps.Copy(real, fakes)
	for name, text := range real {
		if slices.Contains(harmless, name) {
			text = "#!/bin/sh\n" + text
		} else {
			text = cut + text
		}
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TACET_ROOT="+w.root, "FAKE="+w.fake, "TACET_PACE=0")
	w.set("n", "0")
	w.set("cut", "0")
	w.set("now", "100") // 1970
	w.set("vkey", unitVkey)
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	name = filepath.Join(w.root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) set(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.fake, name), []byte(text+"\n"), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) text(name string) string {
	data, _ := os.ReadFile(filepath.Join(w.root, name))
	return string(data)
}

func (w *world) fakeText(name string) string {
	data, _ := os.ReadFile(filepath.Join(w.fake, name))
	return string(data)
}

// card prepares the unit's boot partition for a room, as tacet provision -card does.
func (w *world) card(place string, format Format) {
	w.t.Helper()
	c, err := OpenCard(filepath.Join(w.root, "boot/firmware"), format)
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Prepare(testKit(place), testDebs(w.t), false); err != nil {
		w.t.Fatal(err)
	}
}

func testKit(place string) *Kit {
	return &Kit{place: place, firmware: "gpio=27=op,dl", etc: map[string][]byte{
		configFile: []byte("[room]\n"), "mqtt_password": []byte("hunter2\n"), "practice.pub": []byte("age1…\n"),
	}}
}

// testDebs returns packages that have only names.
func testDebs(t *testing.T) *Debs {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"tacet_1.0_arm64.deb", "tacet_1.0_armhf.deb", "bookworm/arm64/libasound2_1.2_arm64.deb",
		"bookworm/arm64/libasound2-data_1.2_all.deb", "trixie/arm64/libasound2t64_1.2_arm64.deb",
		"bookworm/armhf/libasound2_1.2_armhf.deb"} {
		full := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(name), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Packages(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// sh runs a script on the unit, and returns its output and error.
func (w *world) sh(name string) (string, error) {
	return w.run("exec sh " + filepath.Join(w.root, name))
}

// first imitates the image's own first boot: it runs what the files on the boot partition, at
// /boot/firmware, tell it to run. It runs again at the next boot until it has finished.
func (w *world) first() (string, error) {
	here := func(text string) string {
		text = strings.ReplaceAll(text, "/boot/firmware", "/boot")
		return strings.ReplaceAll(text, "/boot", w.root+"/boot/firmware")
	}
	line := w.text("boot/firmware/cmdline.txt")
	switch {
	case strings.Contains(line, "systemd.run=/boot/firstrun.sh"): // systemd-run-generator
		w.write("proc/cmdline", line)
		w.write("firstrun", here(w.text("boot/firmware/firstrun.sh")))
		out, err := w.sh("firstrun")
		w.write("proc/cmdline", w.text("boot/firmware/cmdline.txt"))
		return out, err
	case w.text("boot/firmware/user-data") != "": // cloud-init's runcmd, once
		if w.text("var/lib/cloud/ran") != "" {
			return "", nil
		}
		var data struct{ Runcmd [][]string }
		if err := yaml.Unmarshal([]byte(w.text("boot/firmware/user-data")), &data); err != nil {
			return "", err
		}
		for _, words := range data.Runcmd {
			if out, err := w.run(here(strings.Join(words, " "))); err != nil {
				return out, err
			}
		}
		w.write("var/lib/cloud/ran", "yes")
	case w.text("boot/firmware/rpi-preseed.toml") != "":
		var data struct {
			Runcmd struct{ Late []string }
		}
		if err := toml.Unmarshal([]byte(w.text("boot/firmware/rpi-preseed.toml")), &data); err != nil {
			return "", err
		}
		for _, words := range data.Runcmd.Late {
			if out, err := w.run(here(words)); err != nil {
				return out, err
			}
		}
		return "", os.Remove(filepath.Join(w.root, "boot/firmware/rpi-preseed.toml"))
	}
	return "", nil
}

// run runs a command on the unit, whose process group is $UNIT, and returns its output and error.
func (w *world) run(command string) (string, error) {
	cmd := exec.Command("sh", "-c", "export UNIT=$$; "+command)
	cmd.Env, cmd.SysProcAttr = w.env, &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// boot imitates a boot after the first one. It runs the service if that is installed, and reboots if
// the service asks for it.
func (w *world) boot() (said string, err error) {
	for range 5 {
		if _, e := os.Lstat(filepath.Join(w.root,
			"etc/systemd/system/multi-user.target.wants/tacet-firstboot.service")); e != nil {
			return said, err
		}
		restarts := strings.Count(w.fakeText("calls"), "reboot\n")
		var out string
		out, err = w.sh("usr/local/lib/tacet/firstboot")
		said += out
		if strings.Count(w.fakeText("calls"), "reboot\n") == restarts {
			return said, err
		}
		if strings.Contains(w.text("boot/firmware/cmdline.txt"), "cgroup_enable=memory") {
			w.write("proc/cmdline", w.text("boot/firmware/cmdline.txt"))
		}
	}
	return said, errors.New("it starts again and again")
}

// isUnit checks that the unit has the files that were prepared, and that setup has left nothing
// behind.
func (w *world) isUnit(when string) {
	w.t.Helper()
	for name, want := range map[string]string{
		"etc/tacet/tacet.toml":                       "[room]\n",
		"etc/tacet/mqtt_password":                    "hunter2\n",
		"etc/tacet/practice.pub":                     "age1…\n",
		"boot/firmware/high-street_room-3.vkey":      unitVkey + "\n",
		"boot/firmware/cmdline.txt":                  "console=tty1 root=PARTUUID=1-02 rootwait cgroup_enable=memory\n",
		"boot/firmware/config.txt":                   "dtparam=audio=on\n[cm4]\notg_mode=1\n\n[all]\n# tacet: keep the light off at boot\ngpio=27=op,dl\n",
		"etc/rpi/swap.conf.d/tacet.conf":             "# Made by tacet: sound in memory must not reach the disk.\n[Main]\nMechanism=none\n",
		"sys/class/leds/ACT/trigger":                 "mmc0\n",
		"usr/local/lib/tacet/firstboot":              "",
		"etc/systemd/system/tacet-firstboot.service": "",
	} {
		if got := w.text(name); got != want {
			w.t.Errorf("%s: %s is %q, want %q", when, name, got, want)
		}
	}
	if info, err := os.Stat(filepath.Join(w.root, "etc/tacet/mqtt_password")); err != nil || info.Mode().Perm() != 0o640 {
		w.t.Errorf("%s: the password's rights: %v, %v", when, info, err)
	}
	if got := strings.Fields(w.fakeText("packages")); !slices.Contains(got, "tacet") ||
		!slices.Contains(got, "libasound2") ||
		slices.Contains(got, "libasound2t64") {
		w.t.Errorf("%s: the packages are %v", when, got)
	}
	for _, call := range []string{"enable tacetd.service", "--no-block start tacetd.service",
		"disable --now dphys-swapfile.service", "swapoff -a",
		"date -s @"} {
		if !strings.Contains(w.fakeText("calls"), call) {
			w.t.Errorf("%s: never called: %s", when, call)
		}
	}
	w.noSecrets(when)
	if _, err := os.Lstat(filepath.Join(w.root, "boot/firmware/tacet")); err == nil {
		w.t.Errorf("%s: the folder tacet is still on the card", when)
	}
}

// noSecrets checks that the boot partition holds no secrets.
func (w *world) noSecrets(when string) {
	w.t.Helper()
	_ = filepath.WalkDir(filepath.Join(w.root, "boot"), func(name string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			if data, _ := os.ReadFile(name); bytes.Contains(data, []byte("hunter2")) {
				w.t.Errorf("%s: the password is in %s", when, name)
			}
		}
		return nil
	})
}
