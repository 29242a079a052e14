package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tacet/cmd/internal/diagnosis"
	"tacet/cmd/internal/diagnosis/host"
)

// tree is a machine with these files; a name that ends with "/" is a folder.
func tree(t *testing.T, files map[string]string) host.Host {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
		} else if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return host.Host{Root: root}
}

const (
	swaps    = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	wireless = "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n" +
		" face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n"
	throttled = "sys/devices/platform/soc/soc:firmware/get_throttled"
	eMMC      = "sys/block/mmcblk0/device/"
)

// What each file says, in the kernel's own format, and what follows.
func TestFindings(t *testing.T) {
	for name, c := range map[string]struct {
		files   map[string]string
		outcome diagnosis.Outcome
		line    string // the start of the part's line
		words   []string
	}{
		"no swap": {map[string]string{"proc/swaps": swaps}, diagnosis.OK, "swap: there is none", nil},
		"a swap file": {map[string]string{"proc/swaps": swaps + "/var/swap file 524284 0 -2\n", "etc/dphys-swapfile": ""},
			diagnosis.Failed, "swap: memory can get onto a disk: /var/swap",
			[]string{"turn swap off", "sudo swapoff -a && sudo systemctl disable --now dphys-swapfile"}},
		"rpi-swap": {map[string]string{"proc/swaps": swaps + "/var/swap file 524284 0 -2\n", "etc/rpi/": ""},
			diagnosis.Failed, "swap: memory", []string{"Mechanism=none"}},
		"a partition": {map[string]string{"proc/swaps": swaps + "/dev/mmcblk0p3 partition 524284 0 -2\n"},
			diagnosis.Failed, "swap: memory can get onto a disk: /dev/mmcblk0p3", []string{"/etc/fstab"}},
		"compressed memory": {map[string]string{"proc/swaps": swaps + "/dev/zram0 partition 524284 0 100\n",
			"sys/block/zram0/backing_dev": "none\n"}, diagnosis.OK, "swap: it is compressed memory", nil},
		"compressed memory that is written back": {map[string]string{"proc/swaps": swaps + "/dev/zram0 partition 1 0 1\n",
			"sys/block/zram0/backing_dev": "/dev/loop0\n"}, diagnosis.Failed, "swap: memory can get onto a disk: /dev/zram0", nil},
		"no /proc/swaps": {nil, diagnosis.Absent, "swap: this kernel doesn't tell", nil},

		"good power": {map[string]string{throttled: "0\n"}, diagnosis.OK, "power: the voltage has been high enough", nil},
		"low voltage": {map[string]string{throttled: "50005\n"}, diagnosis.Failed, "power: the voltage is too low",
			[]string{"power supply", "vcgencmd get_throttled"}},
		"low voltage, earlier": {map[string]string{throttled: "0x50000\n"}, diagnosis.Failed,
			"power: the voltage was too low since the start", []string{"power supply"}},
		"too hot": {map[string]string{throttled: "80008\n"}, diagnosis.Failed, "power: the processor is or was so hot",
			[]string{"heat sink", "vcgencmd measure_temp"}},
		"a sensor's alarm": {map[string]string{"sys/class/hwmon/hwmon1/name": "rpi_volt\n",
			"sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"},
			diagnosis.Failed, "power: the voltage is too low", nil},
		"a quiet sensor": {map[string]string{"sys/class/hwmon/hwmon1/name": "rpi_volt\n",
			"sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0\n"},
			diagnosis.OK, "power: ", nil},
		"another sensor": {map[string]string{"sys/class/hwmon/hwmon1/name": "x\n",
			"sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"},
			diagnosis.Absent, "power: ", nil},
		"nonsense": {map[string]string{throttled: "perhaps\n"}, diagnosis.Absent, "power: ", nil},

		"strong Wi-Fi": {map[string]string{"proc/net/wireless": wireless + " wlan0: 0000   54.  -56.  -256        0      0      0      0      0        0\n"},
			diagnosis.OK, "wi-fi: wlan0 receives -56 dBm", nil},
		"weak Wi-Fi": {map[string]string{"proc/net/wireless": wireless + " wlan0: 0000   22.  -88.  -256        0      0      0      0      0        0\n"},
			diagnosis.Failed, "wi-fi: wlan0 receives -88 dBm, which is weak", []string{"use a cable", "/proc/net/wireless"}},
		"unused Wi-Fi": {map[string]string{"proc/net/wireless": wireless + " wlan0: 0000    0   -256  -256        0      0      0      0      0        0\n"},
			diagnosis.Absent, "wi-fi: not connected", nil},
		"no Wi-Fi": {map[string]string{"proc/net/wireless": wireless}, diagnosis.Absent, "wi-fi: not connected", nil},

		"a new card": {map[string]string{eMMC + "life_time": "0x01 0x02\n", eMMC + "pre_eol_info": "0x01\n"}, diagnosis.OK,
			"wear of mmcblk0: few of the card's spare blocks are used: about 20 % of its life", nil},
		"a worn card": {map[string]string{eMMC + "life_time": "0x02 0x0b\n"}, diagnosis.Failed,
			"wear of mmcblk0: the card is nearly worn out", []string{"replace it", "grep . /sys/block/mmcblk0/device/life_time"}},
		"a card without spare blocks": {map[string]string{eMMC + "pre_eol_info": "0x03\n"}, diagnosis.Failed,
			"wear of mmcblk0: the card is nearly worn out", []string{"replace it"}},
		"a card that doesn't tell": {map[string]string{eMMC + "name": "SD32G\n"}, diagnosis.Absent,
			"wear of mmcblk0: the card doesn't tell", nil},
	} {
		found := tree(t, c.files).Findings()
		part, _, _ := strings.Cut(c.line, ":")
		seen := 0
		for _, f := range found {
			if f.Part != part {
				continue
			}
			seen++
			line := f.Line(false)
			if f.Outcome != c.outcome || !strings.HasPrefix(line[11:], c.line) {
				t.Errorf("%s: %v %q, want %v %q", name, f.Outcome, line, c.outcome, c.line)
			}
			for _, w := range c.words {
				if !strings.Contains(line, w) {
					t.Errorf("%s: no %q in %q", name, w, line)
				}
			}
			if f.Outcome == diagnosis.Failed && (f.Remedy == "" || f.Command == "") {
				t.Errorf("%s: no remedy or no command in %+v", name, f)
			}
		}
		if seen != 1 {
			t.Errorf("%s: %d findings about %s", name, seen, part)
		}
	}
}

// The parts of an eMMC that hold no files are not cards of their own.
func TestBootPartsAreNoCards(t *testing.T) {
	h := tree(t, map[string]string{eMMC + "life_time": "0x01 0x01\n", "sys/block/mmcblk0boot0/x": ""})
	for _, f := range h.Findings() {
		if strings.Contains(f.Part, "boot") {
			t.Errorf("%+v", f)
		}
	}
}

func TestClock(t *testing.T) {
	at := time.Date(2026, 11, 21, 14, 3, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		files   map[string]string
		synced  bool
		outcome diagnosis.Outcome
		line    string
	}{
		"timesyncd": {map[string]string{"run/systemd/timesync/": ""}, true, diagnosis.OK,
			"clock: set by a time server: Sat, 21 Nov 2026 14:03:00 UTC, through systemd-timesyncd"},
		"chrony": {map[string]string{"run/chrony/chronyd.pid": "1"}, true, diagnosis.OK, "through chrony"},
		"chrony beside timesyncd": {map[string]string{"run/chrony/chronyd.pid": "1", "run/systemd/timesync/": ""}, true,
			diagnosis.OK, "through chrony"},
		"another": {nil, true, diagnosis.OK, "clock: set by a time server: Sat"},
		"timesyncd without a server": {map[string]string{"run/systemd/timesync/": ""}, false, diagnosis.Failed,
			"systemd-timesyncd runs but has reached none; check that the network lets the unit reach its time server (UDP port 123); " +
				"run: timedatectl timesync-status"},
		"chrony without a server": {map[string]string{"run/chrony/chronyd.pid": "1"}, false, diagnosis.Failed,
			"run: chronyc tracking"},
		"none": {nil, false, diagnosis.Failed, "no program sets it; install one; run: sudo apt install systemd-timesyncd"},
	} {
		f := tree(t, c.files).Clock(at, c.synced)
		if f.Outcome != c.outcome || !strings.Contains(f.Line(false), c.line) {
			t.Errorf("%s: %q", name, f.Line(false))
		}
	}
}

func TestModelAndSystem(t *testing.T) {
	h := tree(t, map[string]string{"proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\x00",
		"etc/os-release": "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\n"})
	if h.Model() != "Raspberry Pi 4 Model B Rev 1.5" || h.System() != "Debian GNU/Linux 13 (trixie)" {
		t.Errorf("%q, %q", h.Model(), h.System())
	}
	if h = tree(t, nil); h.Model() != "" || h.System() != "" {
		t.Errorf("of nothing: %q, %q", h.Model(), h.System())
	}
}
