// Tacet is the tool at a desk: for the technician, who checks a unit's config before carrying it
// there, and for the office, which holds the key that opens recordings. It needs no microphone,
// GPIO or C library, and runs on Linux, macOS and Windows.
//
//	tacet keygen -o office.key > practice.pub
//	tacet sign -i office.key practice.pub
//	tacet check tacet.toml
//	tacet drive init -i office.key -config tacet.toml /media/TACET
//	tacet ls /media/TACET
//	tacet verify 20261121T140322Z_room-3_7q4k9mz2ha.tacet
//	tacet verify -recipients practice.pub 20261121T140322Z_room-3_7q4k9mz2ha.tacet
//	tacet open -i office.key -o consultation.opus 20261121T140322Z_room-3_7q4k9mz2ha.tacet
//	tacet clip -from 3:10 -to 4:20 -i office.key -o part.tacet-clip 20261121T140322Z_room-3_7q4k9mz2ha.tacet
//	tacet copy -i office.key -o /media/stick/visit 20261121T140322Z_room-3_7q4k9mz2ha.tacet
//	tacet whose -i office.key 20261121T140322Z_room-3_7q4k9mz2ha.tacet
package main

import "tacet/cmd/internal/cli"

func main() { cli.Main("tacet", run) }

func run(env *cli.Env) error {
	return env.Promptly(func() error {
		return env.Dispatch("the office's side of the consulting-room recorder",
			commands)
	})
}

// commands are in the order in which a user comes to need them. Each is in the file of its name.
var commands = []cli.Command{
	keygenCommand,
	signCommand,
	checkCommand,
	driveCommand,
	lsCommand,
	verifyCommand,
	openCommand,
	whoseCommand,
	clipCommand,
	copyCommand,
	provisionCommand,
	fleetCommand,
	cardCommand,
	forgetCommand,
	dashboardCommand,
}
