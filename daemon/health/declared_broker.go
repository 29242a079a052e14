package health

import "time"

// broker holds the warnings about the MQTT broker.
var broker = []Warning{
	{
		Code: MQTTOffline, Title: "Message broker not reached", Severity: Attention, After: 5 * time.Minute, Linger: calm,
		Text: "The unit can't reach the broker, so the dashboard can't see it. Recording is not affected.",
		Do:   "Check the network and the broker.",
	},
	{
		Code: MQTTDenied, Title: "Message broker refuses the unit", Severity: Attention, Linger: calm,
		Text: "The broker responds, but refuses the unit's name, password, certificate or topics. Recording is not affected.",
		Do:   "The technician checks [mqtt] and the unit's account on the broker.",
	},
	{
		Code: MQTTLimited, Title: "Message broker restricts the unit", Severity: Attention, Linger: calm,
		Text: "The broker accepts the unit's state, but not all of its messages. Recording is not affected.",
		Do: "The technician gives the unit's account, or the broker, the setting that the detail names. " +
			"Without Home Assistant, set homeassistant = \"\" in [mqtt].",
	},
	{
		Code: MQTTHostKey, Title: "Message broker's identity not accepted", Severity: Attention, Linger: calm,
		Text: "The broker's certificate can't be verified, so nothing is sent. Recording is not affected.",
		Do:   "The technician checks [mqtt] ca, whether the broker's certificate has expired, and the unit's clock.",
	},
	{
		Code: MQTTFiles, Title: "Files for the message broker unusable", Severity: Attention, Linger: calm,
		Text: "A password or certificate file for the broker can't be used, so the unit does not connect. " +
			"Recording is not affected.",
		Do: "The technician corrects the file that the detail names, or its owner and mode. " +
			"The unit reads it again by itself.",
	},
}
