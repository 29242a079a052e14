package health

import (
	"cmp"
	"slices"
	"time"
)

// declared is every warning, sorted by code.
var declared = slices.SortedFunc(
	slices.Values(slices.Concat(microphone, light, buttons, spool, consent, recordings, stores, network, software)),
	func(a, b Warning) int { return cmp.Compare(a.Code, b.Code) },
)

const (
	soon   = 2 * time.Second  // a drive that is being changed for another
	settle = 5 * time.Second  // a plug that is being put in, a disk that is being looked at
	calm   = 10 * time.Second // how long something that comes and goes must be well
	hour   = time.Hour
	day    = 24 * time.Hour
)

var microphone = []Warning{
	{
		Code: MicMissing, Title: "Microphone missing", Severity: Fault, Blocks: true, After: settle, Linger: calm,
		Text: "The unit has no microphone under the name that it was given, so it can't record.",
		Do: "Check that the microphone is plugged in firmly. If it was changed for another, the technician sets " +
			"[audio] device; \"tacetd doctor\" lists what is there.",
	},
	{
		Code: MicBusy, Title: "Microphone in use by another program", Severity: Fault, Linger: calm,
		Text: "Something else on the unit holds the microphone, so recording was refused.",
		Do:   "The technician finds and stops the other program (\"fuser -v /dev/snd/*\"); nothing but tacetd should use it.",
	},
	{
		Code: MicRate, Title: "Microphone does not offer the configured format", Severity: Fault,
		Text: "The microphone can't deliver the sample rate or the channels that the configuration asks for.",
		Do:   "The technician sets [audio] rate and channels to what \"tacetd doctor\" shows for this microphone.",
	},
	{
		Code: MicFault, Title: "Microphone failed", Severity: Fault, Linger: calm,
		Text: "The microphone could not be opened, or stopped while it was recording; that recording has ended.",
		Do:   "Press again. If it stays, unplug the microphone and plug it in again, and then try another one.",
	},
	{
		Code: MicSilent, Title: "Microphone hears nothing", Severity: Fault, Linger: calm,
		Text: "For ten seconds the microphone's signal has not moved, which no room's is: it is muted or broken.",
		Do:   "Look for a mute switch on the microphone. Otherwise change it; what was recorded meanwhile is empty.",
	},
	{
		Code: MicStalled, Title: "Microphone stopped delivering", Severity: Fault, Linger: calm,
		Text: "No samples arrive from the microphone although it is open. After five seconds the recording ends.",
		Do:   "Check the plug and the cable. If it happens again, change the cable and then the microphone.",
	},
	{
		Code: MicPace, Title: "Microphone runs fast or slow", Severity: Attention, Linger: calm,
		Text: "The microphone delivers more or fewer samples a second than it claims. Sound is kept as it comes, so recordings play " +
			"at another speed and pitch.",
		Do: "Change the microphone for another one. If all of this kind do it, the technician sets [audio] rate to a rate that it keeps.",
	},
	{
		Code: SamplesLost, Title: "Part of a recording is missing", Severity: Attention, Lasts: hour,
		Text: "Some samples were lost while recording; the recording holds declared silence of the same length there.",
		Do:   "Once is harmless. If it happens again, the technician looks for what keeps the unit busy, or at the cable.",
	},
}

var light = []Warning{
	{
		Code: LightFault, Title: "Light can't be driven", Severity: Fault, Blocks: true,
		Text: "The recording light does not obey, so nothing is recorded.",
		Do:   "The technician checks [light] line and the wiring, and then runs \"tacetd doctor\".",
	},
	{
		Code: LightSense, Title: "Light not seen lit", Severity: Fault,
		Text: "The light was switched on, but its sense line did not see it lit, so nothing is recorded.",
		Do:   "Press and look whether the light comes on. If not, the lamp or its driver is broken; if it does, the sense line.",
	},
	{
		Code: LightStuck, Title: "Light seen lit although it is off", Severity: Fault, Blocks: true,
		Text: "The sense line says that the light is lit whatever the unit does, so it would prove nothing; nothing is recorded.",
		Do:   "Look at the light: if it is dark, the technician checks the sense line for a short; if it is lit, its driver.",
	},
	{
		Code: StatusLightFault, Title: "Status light can't be driven", Severity: Attention, Linger: calm,
		Text: "The small status light does not obey. Recording is not affected.",
		Do:   "The technician checks [status_light] line and the wiring.",
	},
}

var buttons = []Warning{
	{
		Code: ButtonStuck, Title: "Button held down", Severity: Fault, Linger: settle,
		Text: "A button has been held for a minute: something leans on it, or its cable is shorted. It can't give consent.",
		Do:   "Free the button. If nothing presses it, the technician checks its cable.",
	},
	{
		Code: ButtonFault, Title: "Buttons can't be read", Severity: Fault, Blocks: true, Linger: settle,
		Text: "The unit can't read its buttons, so nobody can give or withdraw consent and nothing is recorded.",
		Do:   "The technician checks the lines in [[button]] and whether another program holds them.",
	},
	{
		Code: DoorFault, Title: "Door contact can't be read", Severity: Fault, Blocks: true, Linger: settle,
		Text: "The unit can't read the door contact, so it would not notice that the room is left; nothing is recorded.",
		Do:   "The technician checks [door] line and the wiring, or takes [door] out of the configuration.",
	},
}

var spool = []Warning{
	{
		Code: SpoolMissing, Title: "Disk for recordings missing", Severity: Fault, Blocks: true, After: settle, Linger: calm,
		Text: "The folder for recordings is not there, or its disk is gone, so nothing can be recorded.",
		Do:   "The technician mounts the disk, or makes the folder in [spool] path; the unit never makes it by itself.",
	},
	{
		Code: SpoolReadOnly, Title: "Disk for recordings can't be written", Severity: Fault, Blocks: true, After: settle,
		Linger: calm,
		Text:   "The disk for recordings refuses to be written, which disks do when they fail or were switched off hard.",
		Do:     "Restart the unit. If it stays, the technician checks the folder's owner, and the disk with fsck, and changes it.",
	},
	{
		Code: SpoolFull, Title: "Disk for recordings full", Severity: Fault, Blocks: true, Linger: calm,
		Text: "There is less room on the unit than [spool] reserve, so no new recording is started.",
		Do:   "See why the stores have not taken the recordings yet (other warnings say so), or put in a larger disk.",
	},
	{
		Code: SpoolLow, Title: "Disk for recordings nearly full", Severity: Attention, After: time.Minute,
		Linger: time.Minute,
		Text:   "The room left on the unit is less than a day of recording.",
		Do:     "See why recordings are not copied and released (other warnings say so) before the unit has to refuse.",
	},
	{
		Code: SpoolError, Title: "Disk for recordings failed", Severity: Fault, Linger: calm,
		Text: "Writing to the unit's disk failed. A recording that was running has ended; what was stored before is kept.",
		Do:   "Restart the unit. If it comes back, the technician copies what is there and changes the disk or card.",
	},
	{
		Code: SpoolSlow, Title: "Disk for recordings slow", Severity: Attention, Linger: calm,
		Text: "The unit's disk takes more than five seconds to store a second of sound; samples may get lost.",
		Do:   "A card that does this is wearing out: the technician changes it. Also look for other programs that write to it.",
	},
}

var consent = []Warning{
	{
		Code: RecipientsBad, Title: "Keys for encryption unusable", Severity: Fault, Blocks: true,
		Text: "The public keys that recordings are encrypted to can't be used, or the unit knows none of them, so nothing is recorded.",
		Do:   "The technician runs \"tacetd doctor\" and corrects [encrypt] recipients, or confirms them (\"sudo tacetd confirm\").",
	},
	{
		Code: RecipientsChanged, Title: "Keys for encryption changed", Severity: Attention,
		Text: "The list of those who can open recordings was changed, and neither has the office signed it nor anybody confirmed it here. " +
			"What was added gets nothing.",
		Do: "If the change is wanted, the office signs the list (\"tacet sign\"), or where no office is configured somebody runs " +
			"\"sudo tacetd confirm\" at the unit. If not, find out who made it.",
	},
	{
		Code: UnitKeyBad, Title: "The unit's own key unusable", Severity: Fault, Blocks: true,
		Text: "The key that the unit signs with can't be read or made, so nothing is recorded.",
		Do:   "The technician checks [unit] key: a file with mode 0600, owned by the service's user, in a folder it may write.",
	},
	{
		Code: UnitKeyMode, Title: "The unit's own key can be read by others", Severity: Attention,
		Text: "The file of the key that the unit signs with has an owner or a mode that lets others use it. Recording is not affected.",
		Do: "The technician corrects the file as the detail says. If somebody may have read it, they can sign in the unit's name: " +
			"move it and the log away, and collect the new key that the unit makes.",
	},
	{
		Code: LedgerNew, Title: "The unit's log was not there", Severity: Attention,
		Text: "The unit has a key, so it had a log, but found none and began a new one.",
		Do: "Somebody should find out who removed it. If the unit's disk was changed or set up anew, that was it. Then remove the " +
			"file \"ledger.new\" beside the log; the warning goes at the next start.",
	},
	{
		Code: LedgerBroken, Title: "The unit's log was changed or damaged", Severity: Attention,
		Text: "The unit's signed log no longer holds what was signed. It was put aside and a new one continues.",
		Do: "Somebody should find out why: a failing disk, a restored backup, or a hand. Copy the files \"ledger.broken.*\" " +
			"beside the log elsewhere and remove them; then the warning goes at the next start.",
	},
	{
		Code: LedgerError, Title: "The unit's log can't be written", Severity: Fault, Linger: calm,
		Text: "The unit could not write to its log; without its line there no recording is started.",
		Do:   "The technician looks for room and errors on the disk of /var/lib/tacet, and restarts the unit.",
	},
	{
		Code: ClockUnsynced, Title: "Clock not set", Severity: Attention, After: 10 * time.Minute, Linger: time.Minute,
		Text: "The unit's clock has not been set by a time server, so the times of recordings may be wrong.",
		Do:   "The technician checks the network and the time server (\"timedatectl timesync-status\").",
	},
}

var recordings = []Warning{
	{
		Code: RecordingInterrupted, Title: "A recording was interrupted", Severity: Note, Lasts: day,
		Text: "The unit lost power or stopped in the middle of a recording. What had been stored until then is kept and closed.",
		Do:   "Nothing is needed for this recording. If it happens again, look who unplugs the unit.",
	},
	{
		Code: RecordingDamaged, Title: "A recording is damaged", Severity: Fault,
		Text: "After an interruption a recording could only be kept up to a damaged place. Its old bytes lie beside it, with .damaged.",
		Do:   "The disk is failing or was written by something else: the technician copies both files, removes the .damaged one and checks the disk.",
	},
	{
		Code: RecordingUnfinished, Title: "A recording could not be closed", Severity: Fault,
		Text: "A recording that was interrupted could not be closed properly. What was stored of it is still there, unchanged.",
		Do:   "Make room on the unit's disk. If the unit's key was replaced, put the old one back and restart. Otherwise the technician copies the file away and removes it here.",
	},
}
