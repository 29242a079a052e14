package health

import "time"

// disk holds the warnings about the unit's own disk and the recordings on it.
var disk = []Warning{
	{
		Code: SpoolMissing, Title: "Disk for recordings missing", Severity: Fault, Blocks: true, After: settle, Linger: calm,
		Text: "The folder for recordings does not exist, or its disk is missing, so nothing can be recorded.",
		Do:   "The technician mounts the disk or creates the folder in [spool] path. The unit never creates it.",
	},
	{
		Code: SpoolReadOnly, Title: "Disk for recordings can't be written", Severity: Fault, Blocks: true, After: settle,
		Linger: calm,
		Text:   "The disk for recordings can't be written. It may be failing, or have lost power while it was written.",
		Do: "Restart the unit. If the warning returns, the technician checks the folder's owner, runs fsck, " +
			"and replaces the disk if it fails.",
	},
	{
		Code: SpoolFull, Title: "Disk for recordings full", Severity: Fault, Blocks: true, Linger: calm,
		Text: "The unit has less free space than [spool] reserve, so no recording can start.",
		Do:   "Find out from the other warnings why the stores do not take the recordings, or fit a larger disk.",
	},
	{
		Code: SpoolLow, Title: "Disk for recordings nearly full", Severity: Attention, After: time.Minute,
		Linger: time.Minute,
		Text:   "The unit has space for less than a day of recording.",
		Do:     "Find out from the other warnings why recordings are not copied and released, before the disk is full.",
	},
	{
		Code: SpoolError, Title: "Disk for recordings failed", Severity: Fault, Linger: calm,
		Text: "The unit could not write to its disk. A running recording has ended; what was on the disk before is kept.",
		Do:   "Restart the unit. If the warning returns, the technician copies the recordings and replaces the disk or card.",
	},
	{
		Code: SpoolSlow, Title: "Disk for recordings slow", Severity: Attention, Linger: calm,
		Text: "The unit's disk takes more than five seconds to store one second of sound. Samples may get lost.",
		Do:   "A card that does this is wearing out: the technician replaces it, and checks what else writes to it.",
	},
	{
		Code: RecordingInterrupted, Title: "A recording was interrupted", Severity: Note, Lasts: day,
		Text: "The unit lost power or stopped during a recording. Everything stored until then is kept and closed.",
		Do:   "Nothing needs to be done for this recording. If it happens again, find out who unplugs the unit.",
	},
	{
		Code: RecordingDamaged, Title: "A recording is damaged", Severity: Fault,
		Text: "After an interruption, a recording could be kept only up to a damaged place. " +
			"The original is next to it, with the ending .damaged.",
		Do: "The disk is failing, or something else wrote to it. " +
			"The technician copies both files, removes the .damaged one and checks the disk.",
	},
	{
		Code: RecordingUnfinished, Title: "A recording could not be closed", Severity: Fault,
		Text: "An interrupted recording could not be closed properly. Everything stored of it is still there, unchanged.",
		Do: "Free some space on the unit's disk. If the unit's key was replaced, restore the old one. " +
			"Restart the unit: it then tries again. If that doesn't help, the technician copies the file to another disk and removes it here.",
	},
}
