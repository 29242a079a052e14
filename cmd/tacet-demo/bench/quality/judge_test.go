package quality_test

import (
	"fmt"
	"slices"
	"sync"

	"tacet/audio/audiotest"
)

// bands are what STOI covers, the fricatives, and what makes fricatives sharp.
var bands = []audiotest.Band{{From: 0, To: 5000}, {From: 5000, To: 8000}, {From: 8000, To: 12000}}

// maxDistance is how much further from the original a band may be than opusenc's, in dB.
const maxDistance = 1.0

// minDifference is the least difference in STOI and ESTOI that counts. Another seed for the noise
// makes a larger one.
const minDifference = 0.0005

// A score is the quality of one scene, the sum of several, or their mean.
type score struct {
	stoi, estoi float64   // against what was said
	distance    []float64 // dB in each band, from what the microphone heard
	scenes      int
}

func (s *score) add(t score) {
	if s.distance == nil {
		s.distance = make([]float64, len(bands))
	}
	s.stoi += t.stoi
	s.estoi += t.estoi
	for b := range bands {
		s.distance[b] += t.distance[b]
	}
	s.scenes++
}

func (s score) mean() score {
	n := float64(s.scenes)
	m := score{stoi: s.stoi / n, estoi: s.estoi / n, scenes: 1}
	for _, d := range s.distance {
		m.distance = append(m.distance, d/n)
	}
	return m
}

// A result is the quality and the cost of a coder.
type result struct {
	name    string
	cost    float64 // CPU seconds per hour of sound
	bitrate float64
	all     score
	by      map[string]*score // the mean of each voice and each room
}

// judge encodes all scenes with a coder.
func judge(c coder, scenes []scene) (result, error) {
	r := result{name: c.name, by: map[string]*score{}}
	var cpu, seconds, bytes float64
	for _, s := range scenes {
		heard, used, size, err := c.code(audiotest.Samples(s.noisy))
		if err != nil {
			return r, fmt.Errorf("%s: %w", c.name, err)
		}
		one, err := compare(s, audiotest.Floats(heard))
		if err != nil {
			return r, fmt.Errorf("%s, %s in %s: %w", c.name, s.voice, s.room, err)
		}
		r.all.add(one)
		for _, name := range []string{s.voice, s.room} {
			if r.by[name] == nil {
				r.by[name] = &score{}
			}
			r.by[name].add(one)
		}
		cpu += used.Seconds()
		seconds += float64(len(s.noisy)) / rate
		bytes += float64(size)
	}
	r.cost, r.bitrate, r.all = cpu/seconds*3600, bytes*8/seconds, r.all.mean()
	for name, s := range r.by {
		*r.by[name] = s.mean()
	}
	return r, nil
}

// compare scores one scene: the words against what was said, the bands against all that the
// microphone heard.
func compare(s scene, heard []float64) (score, error) {
	var one score
	var err error
	var wait sync.WaitGroup
	wait.Go(func() { one.stoi, one.estoi, err = intelligibility(s.clean, heard, rate) })
	distance := audiotest.Distances(s.noisy, heard, rate, bands)
	wait.Wait()
	one.distance = distance
	return one, err
}

// worse lists in what ours is worse than the peer, for all voices and all rooms.
func worse(ours, peer result) (list []string) {
	var names []string
	for name := range ours.by {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		a, b := ours.by[name], peer.by[name]
		if a.stoi < b.stoi-minDifference || a.estoi < b.estoi-minDifference {
			list = append(list, fmt.Sprintf("%s is less intelligible than with %s: STOI %.4f instead of %.4f, ESTOI %.4f instead of %.4f",
				name, peer.name, a.stoi, b.stoi, a.estoi, b.estoi))
		}
		for i, band := range bands {
			if a.distance[i] > b.distance[i]+maxDistance {
				list = append(list, fmt.Sprintf("%s is further from the original than with %s in %.0f to %.0f Hz: %.1f instead of %.1f dB",
					name, peer.name, band.From, band.To, a.distance[i], b.distance[i]))
			}
		}
	}
	return list
}
