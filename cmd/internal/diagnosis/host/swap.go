package host

import (
	"path/filepath"
	"strings"

	"tacet/cmd/internal/diagnosis"
)

// swap reports whether memory can get onto a disk. The service locks its own memory; this is the
// second wall.
func (h Host) swap() diagnosis.Finding {
	f := diagnosis.Finding{Part: "swap", Text: "there is none"}
	if !h.has("proc/swaps") {
		return diagnosis.Finding{Part: "swap", Outcome: diagnosis.Absent, Text: "this kernel doesn't tell whether there is any"}
	}
	var disks []string
	for i, line := range strings.Split(h.read("proc/swaps"), "\n") {
		fields := strings.Fields(line)
		if i == 0 || len(fields) < 2 { // the first line has the columns' names
			continue
		}
		if h.inMemory(fields[0]) {
			f.Text = "it is compressed memory, and reaches no disk: " + fields[0]
			continue
		}
		disks = append(disks, fields[0])
	}
	if disks != nil {
		f = diagnosis.Finding{Part: "swap", Outcome: diagnosis.Failed,
			Text:    "memory can get onto a disk: " + strings.Join(disks, ", "),
			Remedy:  "turn swap off, for the next starts too",
			Command: "sudo swapoff -a && " + h.swapKeeper(disks)}
	}
	return f
}

// inMemory reports whether swap is on a zram device that writes nothing to a disk.
func (h Host) inMemory(device string) bool {
	name := filepath.Base(device)
	if !strings.HasPrefix(name, "zram") {
		return false
	}
	backing := h.read("sys/block/" + name + "/backing_dev")
	return backing == "none" || backing == ""
}

// swapKeeper is the command that keeps swap off after a restart: Raspberry Pi OS makes its swap
// file with dphys-swapfile up to Debian 12, and with rpi-swap since.
func (h Host) swapKeeper(disks []string) string {
	switch {
	case h.has("etc/dphys-swapfile"):
		return "sudo systemctl disable --now dphys-swapfile"
	case h.has("etc/rpi") && strings.HasPrefix(disks[0], "/var/"):
		return "printf '[Main]\\nMechanism=none\\n' | sudo tee /etc/rpi/swap.conf"
	}
	return `sudo sed -i '/\sswap\s/s/^[^#]/#&/' /etc/fstab`
}
