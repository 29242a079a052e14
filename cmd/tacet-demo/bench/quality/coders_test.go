package quality_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"tacet/audio"
	"tacet/audio/opus"
	"tacet/audio/opus/decode"
	"tacet/audio/wav"
)

// A coder encodes and decodes samples, and reports the CPU time of encoding.
type coder struct {
	name string
	code func(samples []int16) (heard []int16, used time.Duration, size int, err error)
}

// opusenc is the tool with its defaults: complexity 10 and a variable bit rate.
func opusenc(bitrate int) coder {
	return coder{"opusenc", func(samples []int16) ([]int16, time.Duration, int, error) {
		dir, err := os.MkdirTemp("", "quality")
		if err != nil {
			return nil, 0, 0, err
		}
		defer os.RemoveAll(dir)
		in, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, "out.opus")
		data, err := binary.Append(wav.Header(rate, 1, int64(len(samples)*2)), binary.LittleEndian, samples)
		if err != nil {
			return nil, 0, 0, err
		}
		if err := os.WriteFile(in, data, 0o600); err != nil {
			return nil, 0, 0, err
		}
		cmd := exec.Command("opusenc", "--quiet", "--bitrate", fmt.Sprint(float64(bitrate)/1000), in, out)
		if output, err := cmd.CombinedOutput(); err != nil {
			return nil, 0, 0, fmt.Errorf("%w: %s", err, output)
		}
		file, err := os.ReadFile(out)
		if err != nil {
			return nil, 0, 0, err
		}
		heard, err := opusdec(file)
		return heard, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), len(file), err
	}}
}

// opusdec decodes a file with the tool of that name, which writes raw samples to its standard
// output.
func opusdec(file []byte) ([]int16, error) {
	cmd := exec.Command("opusdec", "--quiet", "--rate", fmt.Sprint(rate), "--no-dither", "-", "-")
	cmd.Stdin = bytes.NewReader(file)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("opusdec: %w", err)
	}
	heard := make([]int16, len(out)/2)
	_, err = binary.Decode(out, binary.LittleEndian, heard)
	return heard, err
}

// tacet encodes as the daemon does.
func tacet(bitrate int) coder {
	return coder{"tacet", func(samples []int16) ([]int16, time.Duration, int, error) {
		e, err := audio.NewEncoder(audio.Format{Codec: "opus", Rate: rate, Channels: 1, Bitrate: bitrate, ID: "quality"})
		if err != nil {
			return nil, 0, 0, err
		}
		start := cpu()
		segments, err := e.Encode(samples)
		if err != nil {
			return nil, 0, 0, err
		}
		last, err := e.Close()
		if err != nil {
			return nil, 0, 0, err
		}
		used := cpu() - start
		var file []byte
		for _, s := range append(segments, last...) {
			file = append(file, s.Data...)
		}
		heard, err := opusdec(file)
		return heard, used, len(file), err
	}}
}

// A setting configures libopus, with a constant bit rate.
type setting struct {
	application opus.Application
	bandwidth   opus.Bandwidth
	signal      opus.Signal
	complexity  int
}

// candidates are all settings worth trying, with packets of 20 ms.
func candidates(bitrate int) []coder {
	list := []coder{{"uncoded", func(samples []int16) ([]int16, time.Duration, int, error) {
		return samples, 0, 2 * len(samples), nil
	}}}
	for _, a := range []struct {
		name  string
		value opus.Application
	}{{"audio", opus.Audio}, {"low delay", opus.LowDelay}, {"voip", opus.VoIP}} {
		for _, b := range []struct {
			name  string
			value opus.Bandwidth
		}{{"20 kHz", opus.Fullband}, {"12 kHz", opus.SuperWideband}, {"8 kHz", opus.Wideband}} {
			for _, h := range []struct {
				name  string
				value opus.Signal
			}{{"", opus.Auto}, {" voice,", opus.Voice}, {" music,", opus.Music}} {
				for complexity := range 11 {
					s := setting{a.value, b.value, h.value, complexity}
					name := fmt.Sprintf("%s, %s,%s complexity %d.", a.name, b.name, h.name, complexity)
					list = append(list, coder{name,
						func(samples []int16) ([]int16, time.Duration, int, error) { return s.try(samples, bitrate) }})
				}
			}
		}
	}
	return list
}

func (s setting) try(samples []int16, bitrate int) ([]int16, time.Duration, int, error) {
	enc, err := opus.NewEncoder(opus.Settings{
		Rate: rate, Channels: 1, Application: s.application, Bandwidth: s.bandwidth, Signal: s.signal,
		Complexity: s.complexity, Bitrate: bitrate,
	})
	if err != nil {
		return nil, 0, 0, err
	}
	defer enc.Close()
	delay, err := enc.Lookahead()
	if err != nil {
		return nil, 0, 0, err
	}
	dec, err := decode.New(rate, 1)
	if err != nil {
		return nil, 0, 0, err
	}
	const ms = 20
	const frame = rate * ms / 1000
	packet, block := make([]byte, bitrate/8*ms/1000), make([]int16, frame)
	var heard []int16
	var used time.Duration
	size := 0
	for at := 0; at+frame <= len(samples); at += frame {
		start := cpu()
		err := enc.Encode(samples[at:at+frame], packet)
		used += cpu() - start
		if err != nil {
			return nil, 0, 0, err
		}
		size += len(packet)
		n, err := dec.Decode(packet, block)
		if err != nil {
			return nil, 0, 0, err
		}
		heard = append(heard, block[:n]...)
	}
	return heard[delay:], used, size, nil
}

// cpu is this process's CPU time so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
