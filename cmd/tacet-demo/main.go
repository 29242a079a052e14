// Command tacet-demo is a wall unit to try without one: the real daemon behind a front that a
// browser draws.
//
//	tacet-demo [-listen 127.0.0.1:8080] [-config F] [-dir D] [-mic auto|voice|DEVICE]
//
// The unit runs as a process of its own, so that its power can be cut as it is on a wall: killed,
// with nothing left but its disk. This process keeps what isn't the unit: the buttons and lights in
// the air, the page, and the office's key. If it is killed, the unit dies with it.
//
// What the unit says over MQTT goes to a broker of the demo's own, on this machine alone and at an
// address that is printed, and its page shows each message; a config with [mqtt] has its own
// broker, and then there is no other.
//
// Without -config it makes a unit with two parties, an office key and a folder for all of it. With
// -config everything is as the file says, but for the lines, which are the page's, and the unit's
// own folder, which is -dir.
package main

import (
	"tacet/cmd/internal/cli"
	"tacet/daemon/recording"
)

func main() {
	recording.ChildMain()
	cli.Main("tacet-demo", run)
}

func run(env *cli.Env) error {
	if len(env.Args) > 0 && env.Args[0] == unitCommand {
		return unitMain(env, env.Args[1:])
	}
	return env.Dispatch("a wall unit to try, with the real daemon behind it", []cli.Command{{
		Usage: "[-listen ADDRESS] [-config FILE] [-dir FOLDER] [-mic auto|voice|DEVICE]",
		About: "runs until it is interrupted; prints the addresses of its page and its broker",
		Run:   demoMain,
	}})
}
