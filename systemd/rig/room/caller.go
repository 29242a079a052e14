package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

const bootPartition = "/boot/firmware"

// caller imitates what runs the commands of a newly imaged card: cloud-init, which reads user-data,
// or the image's own program, which reads rpi-preseed.toml. (systemd itself runs firstrun.sh.)
func caller() error {
	var commands []any
	for _, read := range []func() ([]any, error){fromUserData, fromPreseed} {
		found, err := read()
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		commands = append(commands, found...)
	}
	for _, c := range commands {
		cmd := command(c)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			fmt.Fprintf(os.Stderr, "%v: %v\n", c, err) // and the others run all the same
		}
	}
	return nil
}

// command is a program with its arguments, or a line for the shell.
func command(c any) *exec.Cmd {
	words, ok := c.([]any)
	if !ok || len(words) == 0 {
		return exec.Command("sh", "-c", fmt.Sprint(c))
	}
	var args []string
	for _, word := range words {
		args = append(args, fmt.Sprint(word))
	}
	return exec.Command(args[0], args[1:]...)
}

func fromUserData() ([]any, error) {
	data, err := os.ReadFile(bootPartition + "/user-data")
	if err != nil {
		return nil, err
	}
	var file struct {
		Commands []any `yaml:"runcmd"`
	}
	err = yaml.Unmarshal(data, &file)
	return file.Commands, err
}

func fromPreseed() ([]any, error) {
	data, err := os.ReadFile(bootPartition + "/rpi-preseed.toml")
	if err != nil {
		return nil, err
	}
	var file struct {
		Commands struct {
			Late []any `toml:"late"`
		} `toml:"runcmd"`
	}
	err = toml.Unmarshal(data, &file)
	return file.Commands.Late, err
}
