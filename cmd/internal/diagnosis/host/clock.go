package host

import (
	"time"

	"tacet/cmd/internal/diagnosis"
)

// keepers are the programs that set the clock, with a file that is there while each runs, and the
// command that says more.
var keepers = []struct{ name, file, command string }{
	{"chrony", "run/chrony/chronyd.pid", "chronyc tracking"},
	{"chrony", "run/chronyd.pid", "chronyc tracking"},
	{"ntpd", "run/ntpd.pid", "ntpq -p"},
	{"systemd-timesyncd", "run/systemd/timesync", "timedatectl timesync-status"},
}

// Clock reports who sets the clock, and whether it is set. The kernel says whether it is: see
// package wallclock.
func (h Host) Clock(now time.Time, synced bool) diagnosis.Finding {
	f := diagnosis.Finding{Part: "clock"}
	keeper, command := "", ""
	for _, k := range keepers {
		if keeper == "" && h.has(k.file) {
			keeper, command = k.name, k.command
		}
	}
	shown := now.Format(time.RFC1123)
	switch {
	case synced && keeper == "":
		f.Text = "set by a time server: " + shown
	case synced:
		f.Text = "set by a time server: " + shown + ", through " + keeper
	case keeper == "":
		f.Outcome, f.Text = diagnosis.Failed, "not set by a time server: "+shown+"; no program sets it"
		f.Remedy = "install one"
		f.Command = "sudo apt install systemd-timesyncd && sudo timedatectl set-ntp true"
	default:
		f.Outcome, f.Text = diagnosis.Failed, "not set by a time server: "+shown+"; "+keeper+" runs but has reached none"
		f.Remedy = "check that the network lets the unit reach its time server (UDP port 123)"
		f.Command = command
	}
	return f
}
