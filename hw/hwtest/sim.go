package hwtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"periph.io/x/conn/v3/gpio"
)

// A Sim is a chip of the kernel's gpio-sim module, driven through its folder in sysfs
// (/sys/devices/platform/gpio-sim.0/gpiochip0), as root.
type Sim string

// Chip is the chip's name, gpiochip0.
func (s Sim) Chip() string { return filepath.Base(string(s)) }

// Drive holds a line at a level from outside. The standard module has only pulls, which a program
// that requests a pull overrides; a patched one has drive-low and drive-high, which hold.
func (s Sim) Drive(number int, level gpio.Level) error {
	drive, pull := "drive-low", "pull-down"
	if level {
		drive, pull = "drive-high", "pull-up"
	}
	err := s.set(number, drive)
	if errors.Is(err, syscall.EINVAL) {
		return s.set(number, pull)
	}
	return err
}

// Level is the level of a line, including outputs.
func (s Sim) Level(number int) (gpio.Level, error) {
	data, err := os.ReadFile(s.file(number, "value"))
	if err != nil {
		return gpio.Low, fmt.Errorf("read the level of simulated line %d: %w", number, err)
	}
	return strings.TrimSpace(string(data)) == "1", nil
}

func (s Sim) set(number int, pull string) error {
	if err := os.WriteFile(s.file(number, "pull"), []byte(pull), 0); err != nil {
		return fmt.Errorf("set simulated line %d to %s: %w", number, pull, err)
	}
	return nil
}

func (s Sim) file(number int, name string) string {
	return filepath.Join(string(s), fmt.Sprintf("sim_gpio%d", number), name)
}
