package health

var software = []Warning{
	{
		Code: UnitBusy, Title: "Unit too busy", Severity: Attention, Linger: calm,
		Text: "For some seconds no sound has reached the disk, although microphone and disk work. " +
			"Nothing is lost unless another warning says so.",
		Do: "The technician checks what else runs on the unit (\"top\"), and whether it overheats or lacks power.",
	},
	{
		Code: EncoderFault, Title: "Encoding failed", Severity: Fault, Linger: calm,
		Text: "The software could not encode or encrypt the sound, so a recording was refused or has ended.",
		Do:   "Press again. If it still fails, restart the unit and send the log to the maintainer.",
	},
	{
		Code: ConfigReloadFailed, Title: "New configuration rejected", Severity: Attention,
		Text: "The configuration file has changed and contains errors. The unit keeps using the previous one.",
		Do:   "The technician runs \"tacet check\" on the file and corrects it.",
	},
	{
		Code: MemoryUnlocked, Title: "Memory not locked", Severity: Attention,
		Text: "The unit could not lock its memory. If it has swap space, sound may be written there unencrypted.",
		Do: "The technician sets LimitMEMLOCK=infinity in the service's unit file, as the package does, " +
			"and restarts the unit. Until then, \"swapoff -a\" helps.",
	},
	{
		Code: UpdateFailed, Title: "New version failed", Severity: Attention,
		Text: "A new version of the software did not work on this unit, which went back to the version before. " +
			"It records as before.",
		Do: "Send the detail to the maintainer. The unit never starts that version again by itself, and takes the next one.",
	},
	{
		Code: InternalError, Title: "Software fault", Severity: Attention, Lasts: day,
		Text: "The software reached a state that should be impossible, and carried on.",
		Do:   "Send the log to the maintainer.",
	},
}
