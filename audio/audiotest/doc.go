// Package audiotest makes rooms to record in: a sound server of its own with no card behind it,
// signals that say where each of their samples belongs, speakers, noises and echoes, and a measure
// of how well speech is understood.
//
// A test in real time takes a [Pulse], which is a whole PulseAudio, reached through the same ALSA
// library as a real card, under the PCM name "room":
//
//	room := audiotest.NewPulse(t)
//	room.Setenv(t)
//	… open the microphone audiotest.Device …
//	room.Play(t.Context(), audiotest.Code(0, 48000))
//
// Two signals tell what became of them. [Code] is noise in which any eight samples in a row say
// their own index, bit for bit; [Damages] finds what is missing, doubled or out of order. [Hiss]
// survives a lossy codec: [Follow] finds it again, to within a millisecond or so.
package audiotest
