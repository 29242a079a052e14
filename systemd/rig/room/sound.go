package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"tacet/audio/audiotest"
)

const rate = 48000

// speech plays the time code into the other end of the sound card, until stop.
type speech struct {
	aplay *exec.Cmd
	pipe  io.WriteCloser
	log   bytes.Buffer
}

func speak() (*speech, error) {
	s := &speech{}
	s.aplay = exec.Command("aplay", "-q", "-D", "hw:Loopback,0,0", "-t", "raw", "-f", "S16_LE", "-r", strconv.Itoa(rate),
		"-c", "1",
		"--buffer-time=2000000", "--period-time=20000", "-")
	s.aplay.Stderr = &s.log
	var err error
	if s.pipe, err = s.aplay.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.aplay.Start(); err != nil {
		return nil, err
	}
	go func() {
		for first := int64(0); ; first += rate / 10 {
			if binary.Write(s.pipe, binary.LittleEndian, audiotest.Code(first, rate/10)) != nil {
				return
			}
		}
	}()
	_, err = until("somebody speaks", patience, func() bool { return s.at() > rate/2 })
	if err != nil {
		s.stop()
		return nil, fmt.Errorf("%w: %s", err, s.log.String())
	}
	return s, nil
}

// at is the sample that is being played. It may be late by a period and a tick of a timer: see
// margin.
func (s *speech) at() int64 {
	data, _ := os.ReadFile(card + "/pcm0p/sub0/status")
	n, _ := strconv.ParseInt(field(string(data), "hw_ptr"), 10, 64)
	return n
}

const margin = rate * 60 / 1000

func (s *speech) stop() {
	s.pipe.Close()
	s.aplay.Process.Kill()
	s.aplay.Wait()
}

// stumbled reports whether the speaker did not keep up.
func (s *speech) stumbled() bool { return strings.Contains(s.log.String(), "underrun") }

// whole checks that every sample is there once and in order, and that none is older than from or
// newer than to.
func (r *room) whole(samples []int16, s *speech, from, to int64) error {
	runs := audiotest.Runs(samples)
	if len(runs) == 0 {
		return fmt.Errorf("none of %d samples is of the speech", len(samples))
	}
	if s.stumbled() {
		// Its count of samples then starts again, so the failure proves nothing. Only a stall of
		// the machine causes that.
		r.still.Add(int64(standstill))
		r.note("the speaker did not keep up: %s", strings.TrimSpace(s.log.String()))
	}
	if d := audiotest.Damages(samples); len(d) > 0 {
		return fmt.Errorf("%d places differ from the speech, the first: %+v", len(d), d[0])
	}
	run := runs[0]
	first, end := run.First, run.First+int64(run.Len)
	if lead := run.At; lead > rate/10 {
		return fmt.Errorf("%d samples of silence come before the speech", lead)
	}
	if rest := len(samples) - run.At - run.Len; rest > 0 {
		return fmt.Errorf("%d samples at the end are not of the speech", rest)
	}
	r.note("%d samples, each once and in order; the first was spoken %v after the give, the last %v before the withdrawal",
		run.Len, ms(first-from), ms(to-end))
	if first < from {
		return fmt.Errorf("it starts %d samples before consent was given", from-first)
	}
	if end > to+margin {
		return fmt.Errorf("it goes on for %d samples after consent was withdrawn", end-to)
	}
	return nil
}

// mostLost is how many samples may be missing at the end of an interrupted recording. The promise
// is one second, and for a power cut a sync and 0.1 s more; the rest is for a slow emulated
// processor.
const mostLost = 3 * rate

// littleLost checks that a recording nearly reaches the sample at which it was interrupted.
func (r *room) littleLost(samples []int16, at int64) error {
	runs := audiotest.Runs(samples)
	if len(runs) == 0 {
		return errors.New("nothing of the speech was recorded")
	}
	last := runs[len(runs)-1]
	lost := at - last.First - int64(last.Len)
	r.note("%v of sound are lost", ms(lost))
	if lost > mostLost {
		return fmt.Errorf("%v of sound are lost", ms(lost))
	}
	return nil
}

func ms(samples int64) time.Duration {
	return (time.Duration(samples) * time.Second / rate).Round(time.Millisecond)
}
