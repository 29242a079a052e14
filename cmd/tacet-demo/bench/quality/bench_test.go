// Package quality_test compares settings of libopus for speech in rooms. For each it measures how
// well the speech is understood (STOI and ESTOI, against what was said in the room, without its
// noise), how far the sound is from what the microphone heard in three bands of the spectrum, since
// STOI looks no higher than 5 kHz, and what it costs. The reference is opusenc with its defaults.
// The benchmark fails if the daemon's settings are worse than that for any voice or in any room.
//
// It is part of make bench. To try other settings, or another bit rate:
//
//	go test -bench . -benchtime 1x ./cmd/tacet-demo/bench/quality -args -try 'complexity [3-6]' -bitrate 32000
//
// It needs espeak-ng, alsa-utils and opus-tools.
package quality_test

import (
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"text/tabwriter"
)

var (
	bitrate     = flag.Int("bitrate", 48000, "bits per second; the default is that of the configuration")
	peerBitrate = flag.Int("peer", 32000, "bits per second of opusenc")
	try         = flag.String("try", "", "a regular expression: other settings to try")
	voiceNames  = flag.String("voices", strings.Join(voices, ","), "names of espeak-ng's voices, or "+person)
	roomNames   = flag.String("rooms", allRooms(), "names of rooms")
	details     = flag.Bool("all", false, "print each voice and each room")
)

func BenchmarkOpusSettings(b *testing.B) {
	tried, err := regexp.Compile(*try)
	if err != nil {
		b.Fatal(err)
	}
	scenes, err := scenes(strings.Split(*voiceNames, ","), strings.Split(*roomNames, ","))
	if err != nil {
		b.Fatal(err)
	}
	coders := []coder{opusenc(*peerBitrate), tacet(*bitrate)}
	for _, c := range candidates(*bitrate) {
		if *try != "" && tried.MatchString(c.name) {
			coders = append(coders, c)
		}
	}
	var results []result
	for _, c := range coders {
		r, err := judge(c, scenes)
		if err != nil {
			b.Fatal(err)
		}
		results = append(results, r)
	}
	if err := printTable(os.Stdout, results); err != nil {
		b.Fatal(err)
	}
	peer, ours := results[0], results[1]
	b.ReportMetric(ours.cost, "CPU-s/h")
	b.ReportMetric(ours.all.stoi, "STOI")
	for _, w := range worse(ours, peer) {
		b.Errorf("at %d bit/s: %s", *bitrate, w)
	}
}

func printTable(w io.Writer, results []result) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(out, "\n\tCPU s/h\tbit/s\tSTOI\tESTOI\t")
	for _, b := range bands {
		fmt.Fprintf(out, "%.0f-%.0f kHz\t", b.From/1000, b.To/1000)
	}
	fmt.Fprintln(out, "worse than opusenc in\t")
	for _, r := range results {
		fmt.Fprintf(out, "%s\t%.1f\t%.0f\t", r.name, r.cost, r.bitrate)
		printScore(out, r.all)
		fmt.Fprintf(out, "%d of %d\t\n", len(worse(r, results[0])), len(r.by)*(1+len(bands)))
		if !*details {
			continue
		}
		for name, s := range r.by {
			fmt.Fprintf(out, "%s\t\t\t", name)
			printScore(out, *s)
			fmt.Fprintln(out)
		}
	}
	return out.Flush()
}

func printScore(out io.Writer, s score) {
	fmt.Fprintf(out, "%.4f\t%.4f\t", s.stoi, s.estoi)
	for _, d := range s.distance {
		fmt.Fprintf(out, "%.2f\t", d)
	}
}
