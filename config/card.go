package config

// Card is what hangs on the wall and stands on the unit beside what the recorder needs: "tacet
// card" and "tacet provision" print it, and the recorder makes no use of it.
type Card struct {
	Ask  string // whom people ask; "": the card says the practice
	Kept string // for how long copies are kept, as people say it; "": the card doesn't say
	Help string // the address of help for whoever stands before the unit; "": none
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
