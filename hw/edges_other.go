//go:build !linux

package hw

import (
	"errors"

	"periph.io/x/conn/v3/gpio"
)

func requestEdges(path string, number int, pull gpio.Pull) (EdgeLine, error) {
	return nil, errors.New("GPIO is supported on Linux only")
}
