// Package audio takes sound from a card and encodes it: the two things that need C.
//
//	mic := audio.NewMic("hw:CARD=Device,DEV=0", 48000, 1, log)
//	if err := mic.Present(); err != nil { … }		// opens nothing
//	card, err := mic.Open(deliver, failed)			// the microphone is open from here
//	…
//	err = card.Close()					// and closed from here, unless err wraps ErrStuck
//
//	enc, err := audio.NewEncoder(audio.Format{Codec: "opus", Rate: 48000, Channels: 1, Bitrate: 48000, ID: id})
//	segments, err := enc.Encode(samples)			// one for each second
//	last, err := enc.Close()
//
// A card is opened through ALSA and nothing else, by its name, at the very rate that was asked for:
// what the card can't do is an error, not a conversion behind the listener's back. Nothing of what
// the card delivers is kept here, and nothing is made up. The sound library hides most faults; how
// each is noticed stands in hear.go and fault.go, and what can only be seen in the samples
// themselves is judged by package monitor.
//
// Each codec's file format is written by a package of its own, ogg, flac or wav, which are pure Go:
// they check and mend the same files where no sound card is.
package audio
