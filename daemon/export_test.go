package daemon

// Voice is what the broker's client is to the daemon.
type Voice = voice

// TellTo has what goes over MQTT told to v.
func (d *Daemon) TellTo(v Voice) { d.post(tellerReady{v}) }
