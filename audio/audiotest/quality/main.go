// Command quality compares the ways to set libopus up for speech in a room, at the same bitrate: how well the speech is
// understood (STOI and ESTOI, against what was said in the room without its noise), and what it costs. The peer is opusenc as
// it comes. It needs espeak-ng and opus-tools.
//
//	go run ./audio/audiotest/quality [-try .]
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"

	"tacet/audio/audiotest"
)

const rate = 48000

var voices = []string{"en-us+m3", "en-gb+f2", "en-gb-scotland+m7"} // of espeak-ng

var noises = []float64{5, 10, 20, 30} // dB that the speech is above the noise

const text = `Good morning, please take a seat. How have you been since the last time that we met?
I have been sleeping badly, and the new tablets make me feel dizzy in the morning, about half an hour after breakfast.
Then we shall halve the dose for two weeks. Take one with water before you go to bed, and write down each night how long you slept.
What should I do if it gets worse? Call us at once, on any day between eight and six; the number is five five five, zero one seven nine.`

// A scene is one voice in a noisy room.
type scene struct {
	voice        string
	noise        float64
	clean, noisy []float64
}

func main() {
	bitrate := flag.Int("bitrate", 32000, "bits a second")
	try := flag.String("try", "", "a regular expression: other settings to try, beside the one that is used")
	names := flag.String("voices", strings.Join(voices, ","), "espeak-ng's names for who speaks")
	flag.Parse()
	voices = strings.Split(*names, ",")
	if err := run(*bitrate, *try); err != nil {
		fmt.Fprintln(os.Stderr, "quality: error:", err)
		os.Exit(1)
	}
}

func run(bitrate int, try string) error {
	wanted, err := regexp.Compile(try)
	if err != nil {
		return err
	}
	scenes, err := scenes()
	if err != nil {
		return err
	}
	coders := []coder{peer(bitrate), ours(bitrate)}
	for _, c := range candidates(bitrate) {
		if try != "" && wanted.MatchString(c.name) {
			coders = append(coders, c)
		}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	var results []result
	fmt.Fprintf(out, "%d bit/s, mean of %v dB above pink noise\tCPU s/h\tbit/s\t", bitrate, noises)
	for _, v := range voices {
		fmt.Fprintf(out, "%s STOI\tESTOI\t", v)
	}
	fmt.Fprintln(out)
	for _, c := range coders {
		r, err := judge(c, scenes)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		fmt.Fprintf(out, "%s\t%.1f\t%.0f\t", c.name, r.cost, r.bitrate)
		for i := range voices {
			fmt.Fprintf(out, "%.4f\t%.4f\t", r.stoi[i], r.estoi[i])
		}
		fmt.Fprintln(out)
		results = append(results, r)
	}
	if err := out.Flush(); err != nil {
		return err
	}
	for i, v := range voices {
		peer, ours := results[0], results[1]
		if ours.stoi[i] < peer.stoi[i] || ours.estoi[i] < peer.estoi[i] {
			fmt.Printf("%s is understood worse than from opusenc\n", v)
		}
	}
	return nil
}

func scenes() ([]scene, error) {
	var list []scene
	for i, v := range voices {
		speech, err := audiotest.Speech(v, text, rate)
		if err != nil {
			return nil, err
		}
		room := audiotest.InRoom(speech, rate, 0.4, uint64(i))
		for k, snr := range noises {
			noise := audiotest.Pink(uint64(10*i+k), len(room))
			list = append(list, scene{v, snr, room, audiotest.Mix(room, audiotest.RMS(room)*audiotest.Decibels(-snr), noise)})
		}
	}
	return list, nil
}

// A result is what one way to encode came to.
type result struct {
	cost        float64 // CPU seconds for an hour
	bitrate     float64
	stoi, estoi []float64 // for each voice
}

func judge(c coder, scenes []scene) (result, error) {
	r := result{stoi: make([]float64, len(voices)), estoi: make([]float64, len(voices))}
	var cpu, seconds, bytes float64
	for i, s := range scenes {
		heard, used, size, err := c.code(audiotest.Samples(s.noisy))
		if err != nil {
			return r, err
		}
		stoi, estoi, err := audiotest.STOI(s.clean, audiotest.Floats(heard), rate)
		if err != nil {
			return r, err
		}
		v := i / len(noises)
		r.stoi[v] += stoi / float64(len(noises))
		r.estoi[v] += estoi / float64(len(noises))
		cpu += used.Seconds()
		seconds += float64(len(s.noisy)) / rate
		bytes += float64(size)
	}
	r.cost, r.bitrate = cpu/seconds*3600, bytes*8/seconds
	return r, nil
}
