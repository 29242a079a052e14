// Package audiotest makes rooms to record in: microphones that do as they are told, a sound server of its own with
// nothing behind it, signals that say where each of their samples belongs, and a measure of how well speech is understood.
//
// A test in fake time takes a [Mic]: it delivers what it is given, and can refuse, stall, fail and hang.
//
//	mic := audiotest.NewMic(48000, 1)
//	… hand mic to the daemon, press the button …
//	mic.Deliver(audiotest.Code(0, 4800))
//
// A test in real time takes a [Pulse], which is a whole PulseAudio, reached through the same ALSA library as a real card,
// under the PCM name "room":
//
//	room := audiotest.NewPulse(t)
//	room.Setenv(t)
//	… open the microphone audiotest.Device …
//	room.Play(t.Context(), audiotest.Code(0, 48000))
//
// Two signals tell what became of them. [Code] is noise in which any eight samples in a row say their own index, bit for
// bit; [Runs] reads them back and finds what is missing, doubled or out of order. [Tone] is softer: it survives a lossy
// codec, and [Locate] finds it again to within a millisecond or so.
package audiotest
