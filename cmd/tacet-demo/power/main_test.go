package power

import (
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"

	"tacet/cmd/tacet-demo/page"
	"tacet/cmd/tacet-demo/wire"
)

// TestMain lets the test program act as the unit.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == fakeUnit {
		os.Exit(fakeUnitMain(os.Args[2]))
	}
	os.Exit(m.Run())
}

const fakeUnit = "fake-unit"

// fakeUnitMain is a unit that lights its light and reports its process ID instead of a recording's
// ID. mode says whether it stops, goes on, or exits at once.
func fakeUnitMain(mode string) int {
	if code, err := strconv.Atoi(mode); err == nil {
		return code
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	wires, err := net.FileConn(os.NewFile(WireFD, "wires"))
	if err != nil {
		return 1
	}
	window, err := wire.OpenWindow(os.NewFile(WindowFD, "window"))
	if err != nil {
		return 1
	}
	front := wire.Connect(wires, window)
	if front.On() != nil || front.Report(page.Status{Power: true, Phase: "recording",
		Recording: strconv.Itoa(os.Getpid())}) != nil {
		return 1
	}
	for range stop {
		if mode == "stops" {
			front.Off()
			front.Report(page.Status{Power: true, Phase: "idle"})
			return 0
		}
	}
	return 0
}
