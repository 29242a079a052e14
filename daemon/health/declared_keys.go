package health

import "time"

// keys holds the warnings about keys, the ledger and the clock: what a recording's proof rests on.
var keys = []Warning{
	{
		Code: RecipientsBad, Title: "Encryption keys unusable", Severity: Fault, Blocks: true,
		Text: "The public keys that recordings are encrypted to can't be used, or none of them is trusted, " +
			"so nothing is recorded.",
		Do: "The technician runs \"tacetd doctor\", then corrects [encrypt] recipients or confirms them " +
			"with \"sudo tacetd confirm\".",
	},
	{
		Code: RecipientsChanged, Title: "Encryption keys changed", Severity: Attention,
		Text: "The list of keys that can open recordings has changed, " +
			"but the office has not signed it and nobody has confirmed it at the unit. " +
			"Keys that were added are not used.",
		Do: "If the change is wanted, the office signs the list (\"tacet sign\"); " +
			"without an office key, run \"sudo tacetd confirm\" at the unit. " +
			"If it is not wanted, find out who made it.",
	},
	{
		Code: UnitKeyBad, Title: "The unit's own key unusable", Severity: Fault, Blocks: true,
		Text: "The unit can't read or create its signing key, so nothing is recorded.",
		Do: "The technician checks [unit] key: a file with mode 0600, owned by the service's user, " +
			"in a folder that user can write.",
	},
	{
		Code: UnitKeyMode, Title: "The unit's own key can be read by others", Severity: Attention,
		Text: "The owner or the mode of the unit's key file lets others read it. Recording is not affected.",
		Do: "The technician corrects the file as the detail says. Whoever has read it can sign as this unit: " +
			"if in doubt, move the key and the ledger away, and collect the new key that the unit creates.",
	},
	{
		Code: LedgerNew, Title: "The unit's ledger was missing", Severity: Attention,
		Text: "The unit has a key, so it must have had a ledger, but found none. It has started a new one.",
		Do: "Find out who removed it; replacing or reinstalling the unit's disk does. " +
			"Then remove the file \"ledger.new\" next to the ledger; the warning clears at the next start.",
	},
	{
		Code: LedgerBroken, Title: "The unit's ledger was changed or damaged", Severity: Attention,
		Text: "The unit's ledger no longer matches its signature. It was set aside, and a new one was started.",
		Do: "Find out the cause: a failing disk, a restored backup, or tampering. " +
			"Copy the files \"ledger.broken.*\" next to the ledger elsewhere and remove them; " +
			"the warning clears at the next start.",
	},
	{
		Code: LedgerError, Title: "The unit's ledger can't be written", Severity: Fault, Linger: calm,
		Text: "The unit could not write to its ledger. No recording starts without an entry there.",
		Do:   "The technician checks the disk of /var/lib/tacet for free space and errors, and restarts the unit.",
	},
	{
		Code: ClockUnsynced, Title: "Clock not set", Severity: Attention, After: 10 * time.Minute, Linger: time.Minute,
		Text: "No time server has set the unit's clock, so the times of recordings may be wrong.",
		Do:   "The technician checks the network and the time server with \"timedatectl timesync-status\".",
	},
}
