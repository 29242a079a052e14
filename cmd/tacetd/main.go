// Command tacetd is the recorder on the wall, and the commands that are run on the unit.
//
//	tacetd [-config /etc/tacet/tacet.toml]   run until SIGTERM
//	tacetd status [-key]                     what the running daemon says
//	tacetd confirm                           as root: let new recipients and drives have what is recorded
//	tacetd lights-out                        for the unit file: dark after a crash
//	tacetd doctor [-stop]                    try each part, and say what is wrong
//	tacetd reset [-force]                    as root: take the unit out of the practice
//
// It exits with 0 after SIGTERM, with 78 where the configuration can't be used, and with 1 else:
// then systemd starts it again. On SIGHUP it reads its configuration anew, and takes it over as
// soon as nothing is given and nothing is open; one that has errors, or with which the hardware
// can't be opened, is not used at all: it goes on with the last that could be, and a warning says
// so.
package main

import (
	"tacet/cmd/internal/cli"
	"tacet/daemon/recording"
)

func main() {
	recording.ChildMain()
	cli.Main("tacetd", run)
}

func run(env *cli.Env) error {
	return env.Dispatch("the recorder on the wall of a consulting room", commands)
}

var commands = []cli.Command{runCommand, statusCommand, confirmCommand, lightsOutCommand, doctorCommand, resetCommand}

const usualConfig = "/etc/tacet/tacet.toml"
