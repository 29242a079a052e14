//go:build ignore

// Generate makes voice.opus: two voices of espeak-ng, who talk in a room with a little noise.
//
//	go run generate.go
package main

import (
	"log"
	"os"
	"slices"

	"tacet/audio"
	"tacet/audio/audiotest"
)

const rate = 48000

var lines = []struct{ voice, text string }{
	{"en-gb+f2", "Good morning. This is not a real consultation: nobody is here, and no microphone is open."},
	{"en-us+m3", "Then who is speaking?"},
	{"en-gb+f2", "Two synthetic voices, so that there is something to record on a machine that has no microphone."},
	{"en-us+m3", "I see. And what happens to what I say?"},
	{"en-gb+f2", "While the light is on, it is encrypted, second by second, and stored. Press the button, and it " +
		"stops at once."},
	{"en-us+m3", "May I listen to it afterwards?"},
	{"en-gb+f2", "Yes. Whoever holds the key can open it, and anybody can check that not a second is missing."},
}

func main() {
	var talk []float64
	for _, l := range lines {
		speech, err := audiotest.Speech(l.voice, l.text, rate)
		if err != nil {
			log.Fatal(err)
		}
		talk = slices.Concat(talk, speech, make([]float64, rate/2))
	}
	talk = audiotest.InRoom(talk, rate, 0.3, 1)
	talk = audiotest.Mix(talk, 1, talk) // twice as loud
	talk = audiotest.Mix(talk, 0.001, audiotest.Pink(1, len(talk)))
	e, err := audio.NewEncoder(audio.Format{Codec: "opus", Rate: rate, Channels: 1, Bitrate: 48000, ID: "voice"})
	if err != nil {
		log.Fatal(err)
	}
	list, err := e.Encode(audiotest.Samples(talk))
	if err != nil {
		log.Fatal(err)
	}
	last, err := e.Close()
	if err != nil {
		log.Fatal(err)
	}
	var file []byte
	for _, s := range append(list, last...) {
		file = append(file, s.Data...)
	}
	if err := os.WriteFile("voice.opus", file, 0o644); err != nil {
		log.Fatal(err)
	}
}
