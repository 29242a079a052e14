// Package audio captures sound from a card and encodes it, the two tasks that need C.
//
//	mic := audio.NewMic("hw:CARD=Device,DEV=0", 48000, 1, log)
//	known, err := mic.Present()            // opens nothing
//	stream, err := mic.Open(deliver, failed) // the microphone is open from here
//	…
//	err = stream.Close()                   // and closed from here, unless err wraps ErrStuck
//
//	enc, err := audio.NewEncoder(audio.Format{
//		Codec: "opus", Rate: 48000, Channels: 1, Bitrate: 48000, ID: id,
//	})
//	segments, err := enc.Encode(samples)   // one per second
//	last, err := enc.Close()
//
// A card is opened through ALSA only, by name, with exactly the configured format: what the card
// can't do is an error, never a silent conversion. The package keeps nothing that the card
// delivers, and makes nothing up. The sound library hides most faults; liblog.go and fault.go
// detect them. Package monitor finds those that show only in the samples.
//
// Packages ogg, flac and wav write the file formats. They are pure Go, and also check and repair
// such files on machines without a sound card.
package audio
