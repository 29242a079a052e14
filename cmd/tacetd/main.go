// Command tacetd is the recorder on the wall. It also has the commands that run on the unit.
//
//	tacetd [-config /etc/tacet/tacet.toml]   run until SIGTERM
//	tacetd status [-key]                     what the running daemon reports
//	tacetd confirm                           as root: accept new recipients and drives
//	tacetd lights-out                        turn the lights off after a crash; for the unit file
//	tacetd doctor [-stop]                    try each part of the unit, and say what is wrong
//	tacetd doctor -wire                      show the inputs' levels while somebody wires them
//	tacetd reset [-force]                    as root: take the unit out of the practice
//	tacetd update-check [-again]             as root: keep a new version that works, or go back
//
// It exits with 0 after SIGTERM, and when a new version is installed and the unit has been at rest.
// It exits with 78 if the configuration can't be used, and otherwise with 1. Unless it was stopped
// or exits with 78, systemd starts it again.
//
// On SIGHUP it reads its configuration again, and switches to it as soon as nobody has consented
// and nothing is open. If the new configuration has errors, or the hardware can't be opened with
// it, the unit keeps the old one and shows a warning.
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

var commands = []cli.Command{runCommand, statusCommand, confirmCommand, lightsOutCommand, doctorCommand, resetCommand,
	updateCommand}

const defaultConfig = "/etc/tacet/tacet.toml"
