package health

import "time"

// stores are kept for each store by its name, with SetFor.
var stores = []Warning{
	{
		Code: StoreMissing, Title: "Store not there", Severity: Attention, After: soon, Linger: calm,
		Text: "A place for copies is not there: the drive is not plugged in, the share not mounted, or the server not reached.",
		Do:   "Plug the drive in, or check the network. Recordings wait on the unit meanwhile.",
	},
	{
		Code: StoreForeign, Title: "Unknown drive", Severity: Attention, After: soon, Linger: calm,
		Text: "A drive is plugged in that does not carry this store's mark. Nothing is written to it.",
		Do:   "Plug in the unit's own drive, or let the technician prepare this one.",
	},
	{
		Code: StoreFull, Title: "Store full", Severity: Attention, After: soon, Linger: calm,
		Text: "A place for copies has no room left. New recordings stay on the unit.",
		Do:   "Take the old recordings off it, or use a larger one.",
	},
	{
		Code: StoreReadOnly, Title: "Store can't be written", Severity: Attention, After: soon, Linger: calm,
		Text: "A place for copies refuses to be written: write protection, missing rights, or a file system that found an error.",
		Do:   "Look for a write-protect switch; check the rights. A drive that was pulled while writing needs fsck.",
	},
	{
		Code: StoreError, Title: "Copying fails", Severity: Attention, After: time.Minute, Linger: calm,
		Text: "Copies to this place fail again and again. Recordings wait on the unit and are tried again.",
		Do:   "See the detail. The technician runs \"tacetd doctor\"; a drive that fails is changed.",
	},
	{
		Code: StoreMismatch, Title: "Copy differs from the recording", Severity: Fault,
		Text: "A copy that was read back is not what was written. It does not count, and is made again.",
		Do:   "The drive or server alters data: change it, and verify what is on it with \"tacet verify\".",
	},
	{
		Code: StoreHung, Title: "Store does not answer", Severity: Attention, Linger: calm,
		Text: "A place for copies has not answered for half a minute. Recordings wait on the unit; nothing else is held up.",
		Do:   "Look whether the server or the network is down. A drive that does this is pulled out and put in again.",
	},
	{
		Code: StoreConflict, Title: "Copy beside another file", Severity: Attention, Lasts: day,
		Text: "Where a copy should go lies a file of the same name that is not its begin. It was left alone; the copy has a number behind its name.",
		Do:   "See the detail, and look at both files with \"tacet verify\": the unit's own copy may be the shorter one if its disk lost something.",
	},
	{
		Code: StoreBehind, Title: "Copies late", Severity: Attention, Linger: calm,
		Text: "A recording has waited more than a day for its copy at this place.",
		Do:   "See the other warnings of this store; if there are none, the technician looks at the log.",
	},
	{
		Code: StoreDenied, Title: "Server refuses the unit", Severity: Attention, Linger: calm,
		Text: "The server was reached, but refuses this unit's key, name or password.",
		Do:   "The technician checks the store's key files, and the unit's account at the server.",
	},
	{
		Code: StoreHostKey, Title: "Server's identity changed", Severity: Fault, Linger: calm,
		Text: "The server does not show the key or certificate that is configured. It may have been replaced, or somebody stands between. Nothing is sent.",
		Do:   "Ask whoever runs the server whether its key changed, and only then update known_hosts or ca.",
	},
}

var network = []Warning{
	{
		Code: MQTTOffline, Title: "Message broker not reached", Severity: Attention, After: 5 * time.Minute, Linger: calm,
		Text: "The unit can't reach the broker, so the dashboard does not see it. Recording is not affected.",
		Do:   "Check the network and the broker.",
	},
	{
		Code: MQTTDenied, Title: "Message broker refuses the unit", Severity: Attention, Linger: calm,
		Text: "The broker was reached, but refuses the unit's name, password, certificate or topics. Recording is not affected.",
		Do:   "The technician checks [mqtt] and the unit's account at the broker.",
	},
	{
		Code: MQTTLimited, Title: "Message broker allows only a part", Severity: Attention, Linger: calm,
		Text: "The broker takes the unit's state, but not all that goes with it. Recording is not affected.",
		Do: "The technician gives the unit's account the rights, or the broker the setting, that the detail names. Without Home " +
			"Assistant they write homeassistant = \"\" in [mqtt].",
	},
	{
		Code: MQTTHostKey, Title: "Message broker's identity not accepted", Severity: Attention, Linger: calm,
		Text: "The broker's certificate does not fit the one that is configured, so nothing is sent. Recording is not affected.",
		Do:   "The technician checks [mqtt] ca and whether the broker's certificate has run out; also the unit's clock.",
	},
	{
		Code: MQTTFiles, Title: "Files for the message broker unusable", Severity: Attention, Linger: calm,
		Text: "A password or certificate file for the broker can't be read or used, so the unit does not connect. Recording is not affected.",
		Do:   "The technician corrects the file that the detail names, or its owner and mode; it is read again by itself.",
	},
}

var software = []Warning{
	{
		Code: UnitBusy, Title: "Unit too busy", Severity: Attention, Linger: calm,
		Text: "For some seconds nothing that was recorded reached the disk, although microphone and disk work. It is not lost, unless another " +
			"warning says so.",
		Do: "The technician looks for what else runs on the unit (\"top\"), and whether it is too hot or short of power.",
	},
	{
		Code: EncoderFault, Title: "Encoding failed", Severity: Fault, Linger: calm,
		Text: "The software could not encode or seal the sound, so a recording was refused or has ended.",
		Do:   "Press again. If it stays, restart the unit, and send the log to whoever maintains it.",
	},
	{
		Code: ConfigReloadFailed, Title: "New configuration refused", Severity: Attention,
		Text: "The configuration file was changed and has errors; the unit goes on with the one before.",
		Do:   "The technician runs \"tacet check\" on the file and corrects it.",
	},
	{
		Code: MemoryUnlocked, Title: "Memory not locked", Severity: Attention,
		Text: "The unit could not lock its memory: where it has swap space, what is said in the room may be written there in clear.",
		Do: "The technician sets LimitMEMLOCK=infinity in the service's unit file, as the package has it, and restarts the unit. " +
			"Until then \"swapoff -a\" helps.",
	},
	{
		Code: InternalError, Title: "Fault in the software", Severity: Attention, Lasts: day,
		Text: "The software met a state that it should not be in, and went on.",
		Do:   "Send the log to whoever maintains it.",
	},
}
