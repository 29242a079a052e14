package host

import (
	"strconv"
	"strings"

	"tacet/cmd/internal/diagnosis"
)

// The bits of get_throttled, as the firmware of a Raspberry Pi documents them. Shifted by pastBits
// they say that it has happened since the start.
const (
	underVoltage = 1 << 0
	throttled    = 1 << 2
	tooHot       = 1 << 3
	pastBits     = 16
)

const throttledFile = "sys/devices/platform/soc/soc:firmware/get_throttled"

// power reports what the firmware says of the power supply and of heat.
func (h Host) power() diagnosis.Finding {
	f := diagnosis.Finding{Part: "power"}
	state, known := h.throttled()
	has := func(bit uint64) bool { return state&(bit|bit<<pastBits) != 0 }
	switch {
	case !known:
		f.Outcome, f.Text = diagnosis.Absent, "this kernel doesn't tell whether the voltage is too low"
	case has(underVoltage):
		f.Outcome, f.Text = diagnosis.Failed, "the voltage was too low since the start"
		if state&underVoltage != 0 {
			f.Text = "the voltage is too low"
		}
		f.Remedy = "use the Raspberry Pi's own power supply and a short, thick cable, and take power-hungry drives away; " +
			"after a restart it must not come back"
		f.Command = "vcgencmd get_throttled"
	case has(tooHot), has(throttled):
		f.Outcome, f.Text = diagnosis.Failed, "the processor is or was so hot that it was slowed down"
		f.Remedy = "give the case air, or a heat sink"
		f.Command = "vcgencmd measure_temp"
	default:
		f.Text = "the voltage has been high enough since the start"
	}
	return f
}

// throttled returns the firmware's bits. The kernel's sensor knows only of a voltage that is too
// low.
func (h Host) throttled() (state uint64, known bool) {
	text := strings.TrimPrefix(h.read(throttledFile), "0x")
	if n, err := strconv.ParseUint(text, 16, 32); err == nil {
		return n, true
	}
	for _, dir := range h.list("sys/class/hwmon/hwmon*") {
		if h.read(dir+"/name") != "rpi_volt" {
			continue
		}
		for _, path := range h.list(dir + "/in*_lcrit_alarm") {
			known = true
			if h.read(path) == "1" {
				state = underVoltage
			}
		}
	}
	return state, known
}
