package health

import "time"

// stores are raised for each store by its name, with SetFor.
var stores = []Warning{
	{
		Code: StoreMissing, Title: "Store missing", Severity: Attention, After: soon, Linger: calm,
		Text: "A store can't be reached: " +
			"the drive is not plugged in, the share is not mounted, or the server does not respond.",
		Do: "Plug the drive in, or check the network. Until then recordings wait on the unit.",
	},
	{
		Code: StoreForeign, Title: "Unknown drive", Severity: Attention, After: soon, Linger: calm,
		Text: "A drive is plugged in that does not carry this store's mark or the office's signature. " +
			"Nothing is written to it.",
		Do: "Plug in the unit's own drive, or have the technician prepare this one.",
	},
	{
		Code: DriveNew, Title: "New drive", Severity: Attention, After: soon, Linger: calm,
		Text: "A drive with this store's mark is plugged in, but the unit has not seen it before. " +
			"Anybody can copy a mark, so nothing is written to it.",
		Do: "If the drive belongs to the practice, run \"sudo tacetd confirm\" at the unit. " +
			"Otherwise remove it and find out whose it is.",
	},
	{
		Code: StoreFull, Title: "Store full", Severity: Attention, After: soon, Linger: calm,
		Text: "A store has no free space. New recordings stay on the unit.",
		Do:   "Remove old recordings from it, or use a larger one.",
	},
	{
		Code: StoreReadOnly, Title: "Store can't be written", Severity: Attention, After: soon, Linger: calm,
		Text: "A store can't be written: it is write-protected, the unit lacks permission, or the file system has an error.",
		Do: "Look for a write-protect switch and check the permissions. " +
			"A drive that was unplugged during a copy needs fsck.",
	},
	{
		Code: StoreError, Title: "Copying fails", Severity: Attention, After: time.Minute, Linger: calm,
		Text: "Copies to this store keep failing. Recordings wait on the unit, which keeps trying.",
		Do:   "See the detail. The technician runs \"tacetd doctor\" and replaces a failing drive.",
	},
	{
		Code: StoreMismatch, Title: "Copy differs from the recording", Severity: Fault,
		Text: "A copy read back from the store differs from what was written. It does not count, and is made again.",
		Do:   "The drive or server corrupts data. Replace it, and check what is on it with \"tacet verify\".",
	},
	{
		Code: StoreHung, Title: "Store does not answer", Severity: Attention, Linger: calm,
		Text: "A store has not answered for half a minute. Recordings wait on the unit; nothing else is delayed.",
		Do:   "Check the server and the network. If the store is a drive, unplug it and plug it in again.",
	},
	{
		Code: StoreConflict, Title: "Copy beside another file", Severity: Attention, Lasts: day,
		Text: "The store holds a different file with the name of a recording. It was left alone, " +
			"and the copy has a number added to its name.",
		Do: "See the detail, and check both files with \"tacet verify\". " +
			"The unit's own copy may be the shorter one if its disk lost data.",
	},
	{
		Code: StoreBehind, Title: "Copies late", Severity: Attention, Linger: calm,
		Text: "A recording has waited more than a day to be copied to this store.",
		Do:   "See the other warnings about this store. If there are none, the technician checks the log.",
	},
	{
		Code: StoreDenied, Title: "Server refuses the unit", Severity: Attention, Linger: calm,
		Text: "The server responds, but refuses the unit's key, name or password.",
		Do:   "The technician checks the store's key files and the unit's account on the server.",
	},
	{
		Code: StoreHostKey, Title: "Server's identity changed", Severity: Fault, Linger: calm,
		Text: "The server's key or certificate is not the configured one. The server may have been replaced, " +
			"or somebody impersonates it. Nothing is sent.",
		Do: "Ask the server's administrator whether its key has changed. Only then update known_hosts or ca.",
	},
}
