package main

import (
	"fmt"
	"slices"
	"sync"

	"tacet/audio/audiotest"
)

// bands are where people listen: what STOI hears, fricatives, and what makes them sharp.
var bands = []audiotest.Band{{From: 0, To: 5000}, {From: 5000, To: 8000}, {From: 8000, To: 12000}}

// worse is how much further from the original a band may be than what opusenc makes of it, in dB.
const worse = 1.0

// same is the least difference in STOI and ESTOI that counts: another seed for the noise makes
// more.
const same = 0.0005

// A score is what was heard of a scene, or of many on average.
type score struct {
	stoi, estoi float64   // of what was said
	distance    []float64 // dB, in each band, from what was to be heard
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

// A result is what one way to encode came to.
type result struct {
	name    string
	cost    float64 // CPU seconds for an hour
	bitrate float64
	all     score
	by      map[string]*score // for each voice and each room
}

// judge has a coder encode all scenes.
func judge(c coder, scenes []scene) (result, error) {
	r := result{name: c.name, by: map[string]*score{}}
	var cpu, seconds, bytes float64
	for _, s := range scenes {
		heard, used, size, err := c.code(audiotest.Samples(s.noisy))
		if err != nil {
			return r, fmt.Errorf("%s: %w", c.name, err)
		}
		one, err := hear(s, audiotest.Floats(heard))
		if err != nil {
			return r, fmt.Errorf("%s, %s in %s: %w", c.name, s.voice, s.room, err)
		}
		r.all.add(one)
		for _, of := range []string{s.voice, s.room} {
			if r.by[of] == nil {
				r.by[of] = &score{}
			}
			r.by[of].add(one)
		}
		cpu += used.Seconds()
		seconds += float64(len(s.noisy)) / rate
		bytes += float64(size)
	}
	r.cost, r.bitrate, r.all = cpu/seconds*3600, bytes*8/seconds, r.all.mean()
	for of, s := range r.by {
		*r.by[of] = s.mean()
	}
	return r, nil
}

// hear judges one scene: the words against what was said, and the bands against all that the
// microphone heard.
func hear(s scene, heard []float64) (score, error) {
	var one score
	var err error
	var wait sync.WaitGroup
	wait.Go(func() { one.stoi, one.estoi, err = audiotest.STOI(s.clean, heard, rate) })
	distance := audiotest.Distances(s.noisy, heard, rate, bands)
	wait.Wait()
	one.distance = distance
	return one, err
}

// complaints are what is worse than a peer's, of all voices and all rooms.
func complaints(ours, peer result) (list []string) {
	var names []string
	for of := range ours.by {
		names = append(names, of)
	}
	slices.Sort(names)
	for _, of := range names {
		a, b := ours.by[of], peer.by[of]
		if a.stoi < b.stoi-same || a.estoi < b.estoi-same {
			list = append(list, fmt.Sprintf("%s is understood worse than from %s: STOI %.4f instead of %.4f, ESTOI %.4f instead of %.4f",
				of, peer.name, a.stoi, b.stoi, a.estoi, b.estoi))
		}
		for i, band := range bands {
			if a.distance[i] > b.distance[i]+worse {
				list = append(list, fmt.Sprintf("%s is further from the original than from %s in %.0f to %.0f Hz: %.1f instead of %.1f dB",
					of, peer.name, band.From, band.To, a.distance[i], b.distance[i]))
			}
		}
	}
	return list
}
