package provision

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tacet/config"
)

// bootPartition creates a boot partition with these files.
func bootPartition(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"config.txt": "dtparam=audio=on\n",
		"cmdline.txt": "console=tty1 root=PARTUUID=1-02 rootwait\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// In each format, Prepare keeps what Imager wrote, and adds a command that the image runs.
func TestHooks(t *testing.T) {
	const shebang = "#!/bin/bash\n"
	for name, c := range map[string]struct {
		files  map[string]string
		format Format
		file   string
		want   string
	}{
		"firstrun.sh": {map[string]string{"firstrun.sh": shebang + "set +e\nexit 0\n",
			"cmdline.txt": "a systemd.run=/boot/firstrun.sh\n"}, Systemd,
			"firstrun.sh", shebang + callLine + "\nset +e\nexit 0\n"},
		"firstrun.sh from Windows": {map[string]string{"firstrun.sh": "#!/bin/bash\r\nset +e\r\n",
			"cmdline.txt": "a systemd.run=/boot/firstrun.sh\n"}, Systemd,
			"firstrun.sh", shebang + callLine + "\nset +e\n"},
		"no firstrun.sh": {nil, Systemd, "cmdline.txt", "console=tty1 root=PARTUUID=1-02 rootwait" + runArgs + "\n"},
		"user-data": {map[string]string{"user-data": "#cloud-config\n# mine\nhostname: a\nusers:\n- name: x\n"}, CloudInit,
			"user-data", "#cloud-config\n# mine\nhostname: a\nusers:\n- name: x\nruncmd:\n- [sh, /boot/firmware/tacet/install]\n"},
		"user-data with commands": {map[string]string{"user-data": "#cloud-config\n# mine\nruncmd:\n  - [a, b]\n  - c d # first\nhostname: a\n"}, CloudInit,
			"user-data", "#cloud-config\n# mine\nruncmd:\n    - [a, b]\n    - c d # first\n    - [sh, /boot/firmware/tacet/install]\nhostname: a\n"},
		"user-data, remarks alone": {map[string]string{"user-data": "#cloud-config\n# hostname: a\n"}, CloudInit,
			"user-data", "#cloud-config\n# hostname: a\nruncmd:\n- [sh, /boot/firmware/tacet/install]\n"},
		"no user-data": {map[string]string{"network-config": "# none\n"}, CloudInit,
			"user-data", "#cloud-config\nruncmd:\n- [sh, /boot/firmware/tacet/install]\n"},
		"preseed": {map[string]string{"rpi-preseed.toml": "config_version = 1\n# mine\n[system]\nhostname = \"a\"\n"},
			Preseed,
			"rpi-preseed.toml", "config_version = 1\n# mine\n[system]\nhostname = \"a\"\n\n[runcmd]\nlate = [\"sh /boot/firmware/tacet/install\"]\n"},
		"preseed with commands": {map[string]string{"rpi-preseed.toml": "config_version = 1\n[runcmd]\nearly = [\"a\"]\nlate = [\"b\"]\n"}, Preseed,
			"rpi-preseed.toml", "config_version = 1\n\n[runcmd]\nearly = ['a']\nlate = ['b', 'sh /boot/firmware/tacet/install']\n"},
		"preseed, empty": {map[string]string{"rpi-preseed.toml": ""}, Preseed,
			"rpi-preseed.toml", "config_version = 1\n\n[runcmd]\nlate = [\"sh /boot/firmware/tacet/install\"]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := bootPartition(t, c.files)
			for range 2 { // twice is once
				card, err := OpenCard(dir, "")
				if err != nil {
					t.Fatal(err)
				}
				if card.Format() != c.format {
					t.Errorf("it is taken for %s", card.Format())
				}
				said, err := card.Prepare(testKit("high-street/room-3"), testDebs(t), false)
				if err != nil || len(said) > 0 {
					t.Errorf("%q, %v", said, err)
				}
				card.Close()
				data, err := os.ReadFile(filepath.Join(dir, c.file))
				if err != nil || string(data) != c.want {
					t.Errorf("%s is\n%s\n%v, want\n%s", c.file, data, err, c.want)
				}
			}
			if data, err := os.ReadFile(filepath.Join(dir, "tacet/room")); string(data) != "high-street/room-3\n" {
				t.Errorf("the room is %q, %v", data, err)
			}
		})
	}
}

// If a card can't be prepared, the error says what to do, and the card boots as before.
func TestCardIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"a unit already": {map[string]string{"high-street_room-3.vkey": "x"},
			"a unit has started from this card and left high-street_room-3.vkey on it"},
		"user-data, a script": {map[string]string{"user-data": "#!/bin/sh\necho: hello\n"},
			"user-data: does not start with #cloud-config"},
		"user-data, damaged": {map[string]string{"user-data": "#cloud-config\n\thostname: [\n"},
			"user-data: not valid YAML"},
		"user-data, odd runcmd": {map[string]string{"user-data": "#cloud-config\nruncmd: hello\n"}, "runcmd is not a list"},
		"user-data, a list":     {map[string]string{"user-data": "#cloud-config\n- a\n"}, "is not a mapping of settings"},
		"preseed, damaged":      {map[string]string{"rpi-preseed.toml": "[system"}, "rpi-preseed.toml: not valid TOML"},
		"preseed, odd runcmd":   {map[string]string{"rpi-preseed.toml": "runcmd = 1\n"}, "runcmd is not a section"},
		"preseed, odd late": {map[string]string{"rpi-preseed.toml": "[runcmd]\nlate = \"a\"\n"},
			"runcmd.late is not a list"},
		"firstrun.sh, no script": {map[string]string{"firstrun.sh": "hello\n"}, "firstrun.sh is not a script"},
		"two lines":              {map[string]string{"cmdline.txt": "a\nb\n"}, "cmdline.txt must have exactly one line"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := bootPartition(t, c.files)
			card, err := OpenCard(dir, "")
			if err != nil {
				t.Fatal(err)
			}
			defer card.Close()
			if _, err := card.Prepare(testKit("high-street/room-3"), testDebs(t), false); err == nil ||
				!strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if _, err := os.Stat(filepath.Join(dir, "tacet/room")); err == nil {
				t.Error("secrets are on the card all the same")
			}
			for file, text := range c.files {
				if data, _ := os.ReadFile(filepath.Join(dir, file)); file != "firstrun.sh" && string(data) != text {
					t.Errorf("%s was changed: %q", file, data)
				}
			}
		})
	}
	dir := t.TempDir()
	if _, err := OpenCard(dir, ""); err == nil ||
		!strings.Contains(err.Error(), `is not the boot partition of Raspberry Pi OS`) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := OpenCard(dir, "ignition"); err == nil ||
		!strings.Contains(err.Error(), "write systemd, cloud-init or preseed") {
		t.Errorf("another format: %v", err)
	}
}

// Imager 1 writes firstrun.sh even if the image reads user-data, so its settings are silently lost.
func TestImagersOldMistakeIsSaid(t *testing.T) {
	card, err := OpenCard(bootPartition(t,
		map[string]string{"user-data": "#cloud-config\n", "firstrun.sh": "#!/bin/bash\n"}), "")
	if err != nil {
		t.Fatal(err)
	}
	defer card.Close()
	said, err := card.Prepare(testKit("high-street/room-3"), testDebs(t), false)
	if err != nil || len(said) != 1 || !strings.Contains(said[0], "Imager 1 wrote firstrun.sh") {
		t.Errorf("%q, %v", said, err)
	}
}

// A card that was prepared for one room is refused for another, unless replace is set.
func TestCardOfAnotherRoom(t *testing.T) {
	dir := bootPartition(t, nil)
	for i, c := range []struct {
		place   string
		replace bool
		want    string
	}{{"high-street/room-3", false, ""}, {"high-street/room-4", false, "prepared for high-street/room-3"},
		{"high-street/room-3", false, ""},
		{"high-street/room-4", true, ""}} {
		card, err := OpenCard(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		_, err = card.Prepare(testKit(c.place), testDebs(t), c.replace)
		card.Close()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%d: %v, want %q", i, err, c.want)
		}
		want := c.place
		if err != nil {
			want = "high-street/room-3"
		}
		if data, _ := os.ReadFile(filepath.Join(dir, "tacet/room")); strings.TrimSpace(string(data)) != want {
			t.Errorf("%d: the card is %s's", i, data)
		}
	}
}

// Wrong packages are an error before anything is written to a card.
func TestPackages(t *testing.T) {
	for name, c := range map[string]struct {
		files []string
		want  string
	}{
		"none":             {nil, "holds no package for a Raspberry Pi"},
		"for a desk alone": {[]string{"tacet_1.0_amd64.deb"}, "tacet_VERSION_armhf.deb), only for amd64"},
		"two versions":     {[]string{"tacet_1.0_arm64.deb", "tacet_1.1_arm64.deb"}, "are both for arm64: remove one"},
		"a dependency outside": {[]string{"tacet_1.0_arm64.deb", "libasound2_1_arm64.deb"},
			"other packages belong in SUITE/ARCH"},
		"too deep": {[]string{"tacet_1.0_arm64.deb", "a/b/c/x.deb"}, "is too deep"},
		"right":    {[]string{"tacet_1.0~rc1+2_arm64.deb", "bookworm/arm64/x.deb", "notes.txt"}, ""},
	} {
		dir := t.TempDir()
		for _, f := range c.files {
			full := filepath.Join(dir, f)
			if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o700), os.WriteFile(full, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Packages(dir); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := Packages(filepath.Join(t.TempDir(), "none")); err == nil ||
		!strings.Contains(err.Error(), "there is no folder") {
		t.Errorf("no folder: %v", err)
	}
}

func TestFind(t *testing.T) {
	d := newDesk(t)
	list := rows(3, same) + "low-street,room-1,One,Device,\n"
	d.provision(list)
	for room, want := range map[string]string{
		"high-street/room-1": "", "room-2": "",
		"room-1": "several sites have a room room-1: write one of high-street/room-1, low-street/room-1",
		"room-9": `there is no room "room-9"`, "../x": `there is no room "../x"`, "": `there is no room ""`,
	} {
		k, err := Find(d.out(), room)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", room, err, want)
		}
		if err == nil && (!strings.HasSuffix(k.Place(), room) || len(k.etc) < 10 || k.firmware != "gpio=27=op,dl") {
			t.Errorf("%q: %s with %d files, %q", room, k.Place(), len(k.etc), k.firmware)
		}
	}
	if _, err := Find(filepath.Join(d.dir, "none"), "room-1"); err == nil {
		t.Error("a folder that isn't there holds a room")
	}
}

func TestDarkAtBoot(t *testing.T) {
	for line, want := range map[string]string{"GPIO27": "gpio=27=op,dh", "gpiochip0:17": "gpio=17=op,dh",
		"gpiochip4:9": "gpio=9=op,dh", "LED3": ""} {
		if got, err := darkAtBoot(config.Light{Line: line, Active: config.Low}); got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v, want %q", line, got, err, want)
		}
	}
}
