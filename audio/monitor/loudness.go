package monitor

import "math"

const (
	// loudStep is how many times a second the loudness is measured.
	loudStep = 10
	// quietest is the lowest level that is told apart, in dB of full scale.
	quietest = -99
	fullest  = 32767
	// cutRun is how many samples in a row at full scale are a cut: a single one is a loud sound.
	cutRun = 3
)

// Loudness measures how loud a microphone is, for whoever sets its gain. Unlike a Meter it reveals
// the level, so it is for the technician's tests and never for a recording.
type Loudness struct {
	Rate, Channels int

	sum   float64 // of the squares in the current step
	count int     // its samples
	run   int     // samples in a row at full scale
	peak  int
	cuts  int
	steps int
	bins  [-quietest + 1]int // steps by level, in dB below full scale
}

// Levels are in dB of full scale, so at most 0.
type Levels struct {
	Steps  int     // tenths of a second that were measured; with 0 nothing else is valid
	Speech float64 // the level that the loudest tenth of the steps exceeds: that of speech, if anybody speaks
	Peak   float64
	Cuts   int // how often the sound was cut off at full scale
}

// Block takes the next interleaved samples. It returns the level of the last complete step in them;
// complete is false if there is none.
func (l *Loudness) Block(samples []int16) (level float64, complete bool) {
	length := max(1, l.Rate*max(l.Channels, 1)/loudStep)
	for _, s := range samples {
		size := max(int(s), -int(s))
		l.peak = max(l.peak, size)
		if size < fullest {
			l.run = 0
		} else if l.run++; l.run == cutRun {
			l.cuts++
		}
		l.sum += float64(size) * float64(size)
		if l.count++; l.count == length {
			level, complete = decibels(math.Sqrt(l.sum/float64(l.count))), true
			l.bins[int(-level)]++
			l.steps++
			l.sum, l.count = 0, 0
		}
	}
	return level, complete
}

// Levels returns what was measured so far.
func (l *Loudness) Levels() Levels {
	all := Levels{Steps: l.steps, Peak: decibels(float64(l.peak)), Cuts: l.cuts}
	loudest := 0
	for below, n := range l.bins {
		if loudest += n; loudest*10 >= l.steps {
			all.Speech = -float64(below)
			break
		}
	}
	return all
}

func decibels(size float64) float64 {
	return min(max(20*math.Log10(size/(fullest+1)+1e-9), quietest), 0)
}
