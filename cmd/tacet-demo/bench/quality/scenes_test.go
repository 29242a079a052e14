package quality_test

import (
	"fmt"
	"slices"
	"strings"

	"tacet/audio/audiotest"
)

const rate = 48000

// person is the one human voice: audiotest.Spoken.
const person = "person"

// voices are espeak-ng's names, except for the person.
var voices = []string{
	person, "en-us+m3", "en-gb+f2", "en-gb-scotland+m7", "en-us+f4", "en-gb+m1", "en-gb-x-rp+f5", "de+f3", "de+m5",
	"pl+f1",
}

const text = `Good morning, please take a seat. How have you been since the last time that we met?
I have been sleeping badly, and the new tablets make me feel dizzy in the morning, about half an hour after breakfast.
What should I do if it gets worse? Call us at once, on any day between eight and six; the number is five five five, zero one seven nine.`

type room struct {
	name          string
	reverberation float64 // seconds until sound has decayed by 60 dB
	snr           float64 // dB from the noise to the speech
	noise         func(seed uint64, n int) []float64
}

var rooms = []room{
	{"quiet", 0.3, 30, audiotest.Pink},
	{"office", 0.4, 20, ventilation},
	{"tiles", 0.8, 20, audiotest.Pink},
	{"computer", 0.4, 15, computer},
	{"ventilation", 0.5, 10, ventilation},
	{"street", 0.4, 5, audiotest.Pink},
}

func ventilation(seed uint64, n int) []float64 { return audiotest.Ventilation(seed, rate, n) }

// computer is the hiss of a fan and the hum of a bad cable.
func computer(seed uint64, n int) []float64 {
	return audiotest.Mix(audiotest.Mix(make([]float64, n), 0.8, ventilation(seed, n)), 0.4, audiotest.White(seed, n),
		audiotest.Hum(50, rate, n))
}

// A scene is a voice in a room.
type scene struct {
	voice, room  string
	clean, noisy []float64 // what was said in the room, and what the microphone heard
}

// scenes combines the named voices with the named rooms.
func scenes(voices, names []string) ([]scene, error) {
	for _, name := range names {
		if !slices.ContainsFunc(rooms, func(r room) bool { return r.name == name }) {
			return nil, fmt.Errorf("unknown room %q", name)
		}
	}
	var list []scene
	for i, v := range voices {
		speech, err := speak(v)
		if err != nil {
			return nil, err
		}
		for k, r := range rooms {
			if !slices.Contains(names, r.name) {
				continue
			}
			seed := uint64(100*i + k)
			clean := audiotest.InRoom(speech, rate, r.reverberation, seed)
			noise := r.noise(seed, len(clean))
			gain := audiotest.RMS(clean) * audiotest.Decibels(-r.snr) / audiotest.RMS(noise)
			list = append(list, scene{v, r.name, clean, audiotest.Mix(clean, gain, noise)})
		}
	}
	return list, nil
}

func speak(voice string) ([]float64, error) {
	if voice == person {
		return audiotest.Spoken(rate)
	}
	return audiotest.Speech(voice, text, rate)
}

func allRooms() string {
	var names []string
	for _, r := range rooms {
		names = append(names, r.name)
	}
	return strings.Join(names, ",")
}
