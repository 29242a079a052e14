// Package audiotest makes rooms to record in: a private sound server without a card, signals whose
// samples identify themselves, speakers, noises and echoes.
//
// A test in real time uses a [Pulse], a PulseAudio of its own. It is reached through the same ALSA
// library as a real card, as the PCM "room":
//
//	room := audiotest.NewPulse(t)
//	room.Setenv(t)
//	… open the microphone audiotest.Device …
//	room.Play(t.Context(), audiotest.Code(0, 48000))
//
// Two signals show what happened to them. [Code] is noise in which any eight consecutive samples
// determine their index; [Damages] finds what is missing, repeated or out of order. [Hiss] survives
// a lossy codec; [Follow] finds its parts again to within about a millisecond.
package audiotest
