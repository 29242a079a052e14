package health

// panel holds the warnings about the lights, the buttons and the door contact.
var panel = []Warning{
	{
		Code: LightFault, Title: "Light can't be driven", Severity: Fault, Blocks: true,
		Text: "The unit can't switch the recording light, so nothing is recorded.",
		Do:   "The technician checks [light] line and the wiring, then runs \"tacetd doctor\".",
	},
	{
		Code: LightSense, Title: "Light not seen lit", Severity: Fault,
		Text: "The light was switched on, but the sense line did not see it, so nothing is recorded.",
		Do: "Press and watch the light. If it stays dark, the lamp or its driver is broken; " +
			"if it comes on, the sense line is.",
	},
	{
		Code: LightStuck, Title: "Light seen lit although it is off", Severity: Fault, Blocks: true,
		Text: "The sense line reports the light as lit even while it is off, so it proves nothing, and nothing is recorded.",
		Do:   "Look at the light. If it is dark, the technician checks the sense line for a short; if it is lit, its driver.",
	},
	{
		Code: StatusLightFault, Title: "Status light can't be driven", Severity: Attention, Linger: calm,
		Text: "The unit can't switch the small status light. Recording is not affected.",
		Do:   "The technician checks [status_light] line and the wiring.",
	},
	{
		Code: BuzzerFault, Title: "Buzzer can't be driven", Severity: Attention, Linger: calm,
		Text: "The unit can't switch the buzzer, so nobody hears when recording begins and ends. Recording is not affected.",
		Do:   "The technician checks [buzzer] line and the wiring. A buzzer that never stops is unplugged.",
	},
	{
		Code: ButtonStuck, Title: "Button held down", Severity: Fault, Linger: settle,
		Text: "A button has been pressed for a minute: something leans on it, or its cable has a short. " +
			"It can't give consent.",
		Do: "Free the button. If nothing presses it, the technician checks its cable.",
	},
	{
		Code: ButtonFault, Title: "Buttons can't be read", Severity: Fault, Blocks: true, Linger: settle,
		Text: "The unit can't read its buttons. Nobody can give or withdraw consent, so nothing is recorded.",
		Do:   "The technician checks the lines in [[button]], and whether another program uses them.",
	},
	{
		Code: DoorFault, Title: "Door contact can't be read", Severity: Fault, Blocks: true, Linger: settle,
		Text: "The unit can't read the door contact and would not notice that somebody leaves the room, " +
			"so nothing is recorded.",
		Do: "The technician checks [door] line and the wiring, or removes [door] from the configuration.",
	},
}
