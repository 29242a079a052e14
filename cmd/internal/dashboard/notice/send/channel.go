package send

// Channel is one recipient's address.
type Channel struct {
	Name   string // unique, the same after each start: what waits is stored under it
	To     string // whom rules name; several channels may have the same
	Shown  string // for people: no secret
	Sender Sender
}
