package daemon

// Voice is what the broker's client is to the daemon.
type Voice = voice

// TellTo has what goes over MQTT told to v.
func (d *Daemon) TellTo(v Voice) { d.post(tellerReady{v}) }

// RenewAfter has what is trusted entered again after so many entries, until the function that it
// returns is called.
func RenewAfter(entries int) (restore func()) {
	before := renewAfter
	renewAfter = entries
	return func() { renewAfter = before }
}
