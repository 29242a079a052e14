// Package provision creates the files of every unit of a practice from a list of rooms and one
// template, and copies them to the SD cards that the units boot from.
//
//	rooms, warnings, err := provision.ReadRooms("rooms.csv")
//	template, err := provision.ReadTemplate("tacet.toml")
//	plan, err := provision.NewPlan(template, rooms, signer) // checks the configs, writes nothing
//	done, err := plan.Write("out")                          // writes what is new or has changed
//
// To prepare the SD card of one room, once Raspberry Pi Imager has written it:
//
//	kit, err := provision.Find("out", "high-street/room-3")
//	debs, err := provision.Packages("bundle")
//	card, err := provision.OpenCard("/media/bootfs", "") // "" detects the image's format
//	doubts, err := card.Prepare(kit, debs, false)        // true takes over another room's card
//	err = card.Close()
//
// The folder out holds a folder SITE/ROOM for each room: etc, the contents of the unit's
// /etc/tacet; label.html, to print; and drives, the signed marks of the room's thumb drives. The
// folder _office holds the files for the administrators of the broker and the backup server, and
// fleet.toml. Since etc holds secrets, only the owner of out may read it (mode 0700).
//
// A second run writes only what has changed. It keeps passwords and keys; to replace one, remove
// its file and run again.
//
// On the unit, the script boot/firstboot runs at each boot until setup is done.
package provision
