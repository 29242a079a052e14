package hw

// Buzzer is the optional active buzzer, for those who don't see the light. It makes its own tone
// while its line is on.
type Buzzer struct{ *lamp }

// On starts the tone. Like Off, it returns when the line has been driven.
func (b *Buzzer) On() error { return b.show(steady) }

// Off ends the tone.
func (b *Buzzer) Off() error { return b.show(dark) }
