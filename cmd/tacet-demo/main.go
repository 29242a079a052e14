// Command tacet-demo is a wall unit to try: the real daemon, with a panel that a browser draws.
//
//	tacet-demo [-listen 127.0.0.1:8080] [-config F] [-dir D] [-mic auto|voice|DEVICE] [-dashboard 127.0.0.1:8081]
//	tacet-demo fleet -broker URL [-rooms N]
//
// The unit runs as a process of its own, so that its power can be cut: it is killed, and only its
// disk is left. This process has everything else: the buttons and lights, the page, and the
// office's key. If it is killed, the unit dies with it.
//
// The unit publishes to a broker of the demo's own, which listens only on this machine. The demo
// prints its address and shows every message. If the config has [mqtt], the unit uses that broker
// instead. With -dashboard, the practice's dashboard listens to the demo's broker.
//
// Without -config it makes a unit with two parties, an office key, and a folder for everything.
// With -config everything is as the file says, except that the lines are those of the page, and the
// unit's own folder is -dir.
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
	return env.Dispatch("a wall unit to try, with the real daemon", commands)
}

var commands = []cli.Command{
	{
		Usage: "[-listen ADDRESS] [-config FILE] [-dir FOLDER] [-mic auto|voice|DEVICE] [-dashboard ADDRESS]",
		About: "run until interrupted; prints the addresses of its page and its broker",
		Run:   demoMain,
	},
	fleetCommand,
}
