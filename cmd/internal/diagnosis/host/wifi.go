package host

import (
	"fmt"
	"strconv"
	"strings"

	"tacet/cmd/internal/diagnosis"
)

// weakest is the weakest Wi-Fi signal, in dBm, with which copies get through.
const weakest = -75

// wifi reports how strong the signal is, of the interface that receives best.
func (h Host) wifi() diagnosis.Finding {
	name, signal := "", -1000
	for i, line := range strings.Split(h.read("proc/net/wireless"), "\n") {
		device, rest, found := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if i < 2 || !found || len(fields) < 3 { // the first two lines have the columns' names
			continue
		}
		// Without a connection the kernel says 0 or -256.
		if n, err := strconv.Atoi(strings.TrimSuffix(fields[2], ".")); err == nil && n < 0 && n > -200 && n > signal {
			name, signal = strings.TrimSpace(device), n
		}
	}
	if name == "" {
		return diagnosis.Finding{Part: "wi-fi", Outcome: diagnosis.Absent, Text: "not connected, or the kernel doesn't tell"}
	}
	f := diagnosis.Finding{Part: "wi-fi", Text: fmt.Sprintf("%s receives %d dBm", name, signal)}
	if signal < weakest {
		f.Outcome = diagnosis.Failed
		f.Text += ", which is weak: copies may stall"
		f.Remedy = "move the unit or the access point, or use a cable"
		f.Command = "watch -n1 cat /proc/net/wireless"
	}
	return f
}
