package opus_test

import (
	"math"
	"testing"

	"tacet/audio/locked/lockedtest"
	"tacet/audio/opus"
	"tacet/audio/opus/decode"
)

var good = opus.Settings{
	Rate: 48000, Channels: 1, Application: opus.Audio, Bandwidth: opus.Fullband, Signal: opus.Auto, Complexity: 5,
	Bitrate: 64000,
}

func tone(frames, channels int) []int16 {
	out := make([]int16, frames*channels)
	for i := range out {
		out[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i/channels)/48000))
	}
	return out
}

func TestWhatIsEncodedIsDecoded(t *testing.T) {
	for _, channels := range []int{1, 2} {
		s := good
		s.Channels = channels
		e, err := opus.NewEncoder(s)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		late, err := e.Lookahead()
		if err != nil || late != 312 {
			t.Errorf("%d frames late, %v", late, err)
		}
		d, err := decode.New(48000, channels)
		if err != nil {
			t.Fatal(err)
		}
		said := tone(48000, channels)
		var heard []int16
		for at := 0; at < len(said); at += 960 * channels {
			packet := make([]byte, 160)
			if err := e.Encode(said[at:at+960*channels], packet); err != nil {
				t.Fatal(err)
			}
			block := make([]int16, 960*channels)
			if n, err := d.Decode(packet, block); n != 960 || err != nil {
				t.Fatalf("%d frames, %v", n, err)
			}
			heard = append(heard, block...)
		}
		worst := 0.0
		for i := 9600; i < len(said)-late*channels; i++ {
			worst = max(worst, math.Abs(float64(said[i])-float64(heard[i+late*channels])))
		}
		if worst > 800 {
			t.Errorf("%d channels: what was decoded is off by %v of 8000", channels, worst)
		}
	}
}

func TestWhatOpusLacksIsRefused(t *testing.T) {
	before := lockedtest.Bytes(t)
	for _, change := range []func(*opus.Settings){
		func(s *opus.Settings) { s.Rate = 44100 },
		func(s *opus.Settings) { s.Channels = 0 },
		func(s *opus.Settings) { s.Channels = 3 },
		func(s *opus.Settings) { s.Application = 0 },
		func(s *opus.Settings) { s.Bandwidth = 0 },
		func(s *opus.Settings) { s.Signal = 1 },
		func(s *opus.Settings) { s.Complexity = 11 },
		func(s *opus.Settings) { s.Bitrate = 0 },
	} {
		s := good
		change(&s)
		if _, err := opus.NewEncoder(s); err == nil {
			t.Errorf("%+v was taken", s)
		} else {
			t.Log(err)
		}
	}
	if got := lockedtest.Bytes(t); got != before {
		t.Errorf("%d bytes are locked instead of %d", got, before)
	}
	e, err := opus.NewEncoder(good)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, c := range [][2]int{{0, 160}, {960, 0}, {961, 160}, {960, 5000}} {
		if err := e.Encode(make([]int16, c[0]), make([]byte, c[1])); err == nil {
			t.Errorf("%d samples went into %d bytes", c[0], c[1])
		}
	}
}

func TestTheStateIsLockedUntilClose(t *testing.T) {
	before := lockedtest.Bytes(t)
	e, err := opus.NewEncoder(good)
	if err != nil {
		t.Fatal(err)
	}
	if got := lockedtest.Bytes(t) - before; got < 10000 {
		t.Errorf("%d bytes are locked: too few for libopus's state", got)
	}
	for range 2 {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if got := lockedtest.Bytes(t); got != before {
			t.Errorf("%d bytes are locked instead of %d", got, before)
		}
		if err := e.Encode(tone(960, 1), make([]byte, 160)); err == nil {
			t.Error("it encodes after Close")
		}
	}
}

func TestNoPacketIsDecoded(t *testing.T) {
	if _, err := decode.New(44100, 1); err == nil {
		t.Error("a rate that Opus lacks was taken")
	}
	d, err := decode.New(48000, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, packet := range [][]byte{nil, {31<<3 | 3}, {31<<3 | 3, 0}} {
		if _, err := d.Decode(packet, make([]int16, 5760)); err == nil {
			t.Errorf("% x was decoded", packet)
		}
	}
	if _, err := d.Decode([]byte{31 << 3, 0xff, 0xfe}, nil); err == nil {
		t.Error("a packet was decoded into nothing")
	}
}
