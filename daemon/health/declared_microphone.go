package health

var microphone = []Warning{
	{
		Code: MicMissing, Title: "Microphone missing", Severity: Fault, Blocks: true, After: settle, Linger: calm,
		Text: "The unit can't find the microphone in its configuration, so it can't record.",
		Do: "Check that the microphone is plugged in firmly. " +
			"If it was replaced by another model, the technician sets [audio] device; " +
			"\"tacetd doctor\" lists the microphones that are present.",
	},
	{
		Code: MicBusy, Title: "Microphone in use by another program", Severity: Fault, Linger: calm,
		Text: "Another program on the unit is using the microphone, so a recording was refused.",
		Do: "The technician finds the program with \"fuser -v /dev/snd/*\" and stops it. " +
			"Only tacetd should use the microphone.",
	},
	{
		Code: MicRate, Title: "Microphone does not offer the configured format", Severity: Fault,
		Text: "The microphone can't deliver the configured sample rate or number of channels.",
		Do:   "The technician sets [audio] rate and channels to what \"tacetd doctor\" shows for this microphone.",
	},
	{
		Code: MicFault, Title: "Microphone failed", Severity: Fault, Linger: calm,
		Text: "The microphone could not be opened, or it failed during a recording, which then ended.",
		Do:   "Press again. If it still fails, unplug the microphone and plug it in again; then try another one.",
	},
	{
		Code: MicSilent, Title: "Microphone hears nothing", Severity: Fault, Linger: calm,
		Text: "The microphone's signal has been constant for ten seconds. No room is that quiet: it is muted or broken.",
		Do: "Look for a mute switch on the microphone. If there is none, replace it. " +
			"What was recorded meanwhile is silence.",
	},
	{
		Code: MicStalled, Title: "Microphone stopped delivering", Severity: Fault, Linger: calm,
		Text: "The microphone is open but delivers no sound. After five seconds the recording ends.",
		Do:   "Check the plug and the cable. If it happens again, replace the cable, then the microphone.",
	},
	{
		Code: MicPace, Title: "Microphone runs fast or slow", Severity: Attention, Linger: calm,
		Text: "The microphone delivers more or fewer samples per second than it claims. " +
			"Nothing is lost, but recordings play at the wrong speed and pitch.",
		Do: "Replace the microphone. " +
			"If every one of this model does it, the technician sets [audio] rate to a rate that it keeps.",
	},
	{
		Code: SamplesLost, Title: "Part of a recording is missing", Severity: Attention, Lasts: hour,
		Text: "Some samples were lost. The recording marks the gap and has silence of the same length in its place.",
		Do:   "Once is harmless. If it happens again, the technician checks the cable and what else keeps the unit busy.",
	},
}
