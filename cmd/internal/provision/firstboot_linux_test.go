package provision

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// images are boot partitions of each format as Imager writes them, with and without a user.
var images = map[string]map[string]string{
	"systemd, plain": {},
	"systemd, set up": {
		"firstrun.sh": "#!/bin/bash\n\nset +e\n\necho room3 >\"$TACET_ROOT/etc/hostname\"\nrm -f /boot/firstrun.sh\n" +
			"sed -i 's| systemd.run.*||g' /boot/cmdline.txt\nexit 0\n",
		"cmdline.txt": "console=tty1 root=PARTUUID=1-02 rootwait systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target\n",
	},
	"cloud-init, plain": {"user-data": "# Settings go here.\n#hostname: x\n", "meta-data": "instance_id: rpios-image\n",
		"network-config": "# none\n"},
	"cloud-init, set up": {"user-data": "#cloud-config\nhostname: room3\nruncmd:\n- [echo, hello]\n",
		"meta-data": "instance_id: rpios-image\n"},
	"preseed": {"rpi-preseed.toml": "config_version = 1\n[system]\nhostname = \"room3\"\n[runcmd]\nlate = [\"echo hello\"]\n"},
}

func TestFirstStartOfEachImage(t *testing.T) {
	for name, files := range images {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			for file, text := range files {
				w.write("boot/firmware/"+file, text)
			}
			w.card("high-street/room-3", "")
			w.card("high-street/room-3", "") // twice is once
			if said, err := w.first(); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			if said, err := w.boot(); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			w.isUnit("after its first start")
			if strings.Contains(files["firstrun.sh"], "hostname") && w.text("etc/hostname") != "room3\n" {
				t.Error("what Imager had set up was not done")
			}
		})
	}
}

func TestFirstStart(t *testing.T) {
	w := newWorld(t)
	w.card("high-street/room-3", "")
	if said, err := w.first(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	said, err := w.boot()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	w.isUnit("after its first start")
	if n := strings.Count(w.fakeText("calls"), "reboot\n"); n != 1 {
		t.Errorf("it started again %d times", n)
	}
	if log := w.text("boot/firmware/tacet-firstboot.log"); !strings.Contains(log, "done: this is high-street/room-3") ||
		!strings.Contains(log, "flash may still hold them") {
		t.Errorf("the log says %q", log)
	}
}

// The power fails before each call of the first start in turn: before all of them with TACET_SOAK,
// otherwise before every third, from a random one on. The next start finishes with the same result.
// Until then tacetd never runs with only some of its files.
func TestFirstStartCutAtEachCall(t *testing.T) {
	whole := newWorld(t)
	whole.card("high-street/room-3", "")
	if _, err := whole.first(); err != nil {
		t.Fatal(err)
	}
	if said, err := whole.boot(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	whole.isUnit("without a cut")
	calls, _ := strconv.Atoi(strings.TrimSpace(whole.fakeText("n")))
	if calls < 40 {
		t.Fatalf("only %d calls were counted", calls)
	}
	first, step := 1, 1
	if os.Getenv("TACET_SOAK") == "" {
		first, step = 1+rand.IntN(3), 3
		t.Logf("every third call from the %d.", first)
	}
	for n := first; n <= calls; n += step {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			cutAt(t, n)
		})
	}
}

// cutAt cuts the power before the n-th call.
func cutAt(t *testing.T, n int) {
	w := newWorld(t)
	w.card("high-street/room-3", "")
	w.set("cut", strconv.Itoa(n))
	_, err := w.first()
	if err == nil {
		_, err = w.boot()
	}
	if err == nil {
		t.Fatal("it was not cut")
	}
	if strings.Contains(w.fakeText("calls"), "start tacetd") && w.text("etc/tacet/tacet.toml") == "" {
		t.Error("the recorder was started without its config")
	}
	if said, err := w.first(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if said, err := w.boot(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	w.isUnit("at the next start")
}

// For each failure, the log on the card says what to do. After the repair, the next start finishes.
func TestFirstStartFails(t *testing.T) {
	for name, c := range map[string]struct {
		breaks, mends func(w *world)
		says          []string
	}{
		"another processor": {func(w *world) { w.env = append(w.env, "FAKE_ARCH=riscv64") },
			func(w *world) { w.env = w.env[:len(w.env)-1] },
			[]string{"no package for this processor (riscv64), only: tacet_arm64.deb tacet_armhf.deb",
				"prepare the card with the packages for riscv64"}},
		"another suite": {func(w *world) { w.write("etc/os-release", "VERSION_CODENAME=forky\n") },
			func(w *world) { w.write("etc/os-release", "VERSION_CODENAME=bookworm\n") },
			[]string{"no packages for Debian forky on arm64"}},
		"an old Pi": {func(w *world) { w.env = append(w.env, "FAKE_ARCH=armhf", "FAKE_MACHINE=armv6l") },
			func(w *world) { w.env = w.env[:len(w.env)-2] }, []string{"ARMv6", "use a Raspberry Pi 3 or later"}},
		"a torn package": {func(w *world) { w.write("boot/firmware/tacet/packages/tacet_arm64.deb", "to") },
			func(w *world) { w.write("boot/firmware/tacet/packages/tacet_arm64.deb", "tacet_1.0_arm64.deb") },
			[]string{"the files in /boot/firmware/tacet/packages on the card are damaged", "eject it"}},
		"a torn config": {func(w *world) { w.write("boot/firmware/tacet/etc/tacet.toml", "[ro") },
			func(w *world) { w.write("boot/firmware/tacet/etc/tacet.toml", "[room]\n") },
			[]string{"the files in /boot/firmware/tacet/etc on the card are damaged"}},
		"a broken package": {func(w *world) { w.set("broken", "") },
			func(w *world) { os.Remove(filepath.Join(w.fake, "broken")) },
			[]string{"dpkg: dpkg: dependency problems", "dpkg can't install the packages"}},
		"a program for another machine": {func(w *world) { w.set("no-run", "") },
			func(w *world) { os.Remove(filepath.Join(w.fake, "no-run")) },
			[]string{"tacetd doesn't run on this machine"}},
		"a config with a mistake": {func(w *world) { w.set("refused", "") },
			func(w *world) { os.Remove(filepath.Join(w.fake, "refused")) },
			[]string{"error: room.id: is missing", "tacet check rejects the config", "correct the template"}},
		"a wire that is off": {func(w *world) { w.set("no-start", "") },
			func(w *world) { os.Remove(filepath.Join(w.fake, "no-start")) },
			[]string{"tacetd: light: no line GPIO27", "tacetd doesn't start", "most often it is a wire"}},
		"a full boot partition": {
			func(w *world) { w.set("full", "") },
			func(w *world) { os.Remove(filepath.Join(w.fake, "full")) },
			[]string{"can't write to the boot partition", "remove files from it that you don't need"},
		},
		"another room's card": {func(w *world) {
			w.write("var/lib/tacet/unit.key",
				"PRIVATE+KEY\ntacet/low-street/room-9+1+x\n")
		},
			func(w *world) { os.Remove(filepath.Join(w.root, "var/lib/tacet/unit.key")) },
			[]string{"this unit is low-street/room-9, but the card was prepared for high-street/room-3", "tacetd reset"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.card("high-street/room-3", "")
			if said, err := w.first(); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			c.breaks(w)
			said, err := w.boot()
			if err == nil {
				t.Fatalf("it ended well: %s", said)
			}
			log := w.text("boot/firmware/tacet-firstboot.log")
			for _, want := range c.says {
				if !strings.Contains(log, want) || !strings.Contains(said, want) {
					t.Errorf("neither log nor console say %q: %q, %q", want, log, said)
				}
			}
			if strings.Contains(log, "hunter2") || strings.Contains(said, "hunter2") || strings.Contains(log, "PRIVATE") {
				t.Errorf("a secret is said: %q, %q", log, said)
			}
			if got := w.text("sys/class/leds/ACT/trigger"); got != "timer\n" ||
				w.text("sys/class/leds/ACT/delay_on") != "100\n" {
				t.Errorf("the LED's trigger is %q", got)
			}
			c.mends(w)
			if said, err := w.boot(); err != nil {
				t.Fatalf("mended: %v: %s", err, said)
			}
			w.isUnit("mended")
		})
	}
}

// If another program holds dpkg's lock, the first start waits for it.
func TestFirstStartWaitsForDpkg(t *testing.T) {
	w := newWorld(t)
	w.card("high-street/room-3", "")
	w.set("locked", "")
	if said, err := w.first(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if said, err := w.boot(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	w.isUnit("after the wait")
}
