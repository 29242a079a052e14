package config

// Card holds texts for the notice on the wall and the label on the unit, which "tacet card" and
// "tacet provision" print. The daemon does not use them.
type Card struct {
	Ask  string // whom to ask; "" if the notice names just the practice
	Kept string // how long copies are kept, in words; "" leaves it out
	Help string // web address for help with the unit; "" if there is none
}

func (c *checker) card(cfg *Config) {
	b := c.block("card")
	if !b.there {
		return
	}
	cfg.Card = &Card{Ask: b.text("ask", "", 200), Kept: b.text("kept", "", 100)}
	if b.has("help") {
		if u := b.address("help", "https://help.example/unit", "leave the password out", "https", "http"); u != nil {
			cfg.Card.Help = u.String()
		}
	}
}
