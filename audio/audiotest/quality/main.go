// Command quality compares the ways to set libopus up for speech in rooms. Of each it says how well
// the speech is understood (STOI and ESTOI, against what was said in the room without its noise),
// how far what is heard is from what the microphone heard in three bands of the spectrum, since
// STOI looks no higher than 5 kHz and people do, and what it costs. The peer is opusenc as it
// comes, at a bit rate of its own; it ends with 1 where what the daemon uses is worse than that. It
// needs espeak-ng, alsa-utils and opus-tools.
//
//	go run ./audio/audiotest/quality [-bitrate 48000] [-try .]
package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"
)

const (
	standard = 48000 // bits a second, as the daemon's config has it where nothing else is written
	peers    = 32000 // opusenc's
)

func main() {
	bitrate := flag.Int("bitrate", standard, "bits a second")
	against := flag.Int("peer", peers, "opusenc's bits a second")
	try := flag.String("try", "", "a regular expression: other settings to try, beside the one that is used")
	who := flag.String("voices", strings.Join(voices, ","), "who speaks: espeak-ng's names, or "+person)
	where := flag.String("rooms", roomNames(), "the rooms")
	all := flag.Bool("all", false, "print each voice and each room, too")
	flag.Parse()
	scenes, err := scenes(strings.Split(*who, ","), strings.Split(*where, ","))
	if err == nil {
		err = run(scenes, *bitrate, *against, *try, *all)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "quality: error:", err)
		os.Exit(1)
	}
}

func run(scenes []scene, bitrate, against int, try string, all bool) error {
	wanted, err := regexp.Compile(try)
	if err != nil {
		return err
	}
	coders := []coder{peer(against), ours(bitrate)}
	for _, c := range candidates(bitrate) {
		if try != "" && wanted.MatchString(c.name) {
			coders = append(coders, c)
		}
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(out, "\tCPU s/h\tbit/s\tSTOI\tESTOI\t")
	for _, b := range bands {
		fmt.Fprintf(out, "%.0f-%.0f kHz\t", b.From/1000, b.To/1000)
	}
	fmt.Fprintln(out, "worse than the peer in\t")
	var results []result
	for _, c := range coders {
		r, err := judge(c, scenes)
		if err != nil {
			return err
		}
		results = append(results, r)
		fmt.Fprintf(out, "%s\t%.1f\t%.0f\t", r.name, r.cost, r.bitrate)
		row(out, r.all)
		fmt.Fprintf(out, "%d of %d\t\n", len(complaints(r, results[0])), len(r.by)*(1+len(bands)))
		for of, s := range r.by {
			if all {
				fmt.Fprintf(out, "%s\t\t\t", of)
				row(out, *s)
				fmt.Fprintln(out)
			}
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if list := complaints(results[1], results[0]); len(list) > 0 {
		return fmt.Errorf("at %d bit/s:\n%s", bitrate, strings.Join(list, "\n"))
	}
	return nil
}

func row(out *tabwriter.Writer, s score) {
	fmt.Fprintf(out, "%.4f\t%.4f\t", s.stoi, s.estoi)
	for _, d := range s.distance {
		fmt.Fprintf(out, "%.2f\t", d)
	}
}
