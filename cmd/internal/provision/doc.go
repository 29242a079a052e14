// Package provision makes what each unit of a practice gets, from a list of rooms and one template,
// and puts it on the cards that the units start from.
//
//	rooms, problems, err := provision.ReadRooms("rooms.csv")
//	template, err := provision.ReadTemplate("tacet.toml")
//	plan, err := provision.Plan(template, rooms, signer)   // the config of each room, checked; writes nothing
//	changed, err := plan.Write("out")                      // makes what is missing, and leaves what is right
//	err = provision.Card{…}.Prepare("/media/bootfs", room) // on the boot partition of a fresh SD card
//
// The folder out holds SITE/ROOM for each room: etc, which goes to /etc/tacet on the unit as it is;
// label.html, to print; and drives, the marks of the room's thumb drives. In office lies what goes
// to the broker's and the backup server's administrators. All of it but the marks, the label and
// the lists for the servers is secret: out is for the office alone (mode 0700).
//
// A second run changes what has changed. Secrets that are there stay: passwords and keys are made
// once in a room's life, and anew where somebody removes them.
//
// On the card one script does the work at the unit's first boot, and again at each boot until it is
// done: see firstboot.sh.
package provision
