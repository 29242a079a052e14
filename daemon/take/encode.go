package take

import (
	"slices"

	"tacet/audio/encoded"
	"tacet/daemon/health"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
	"tacet/daemon/ring"
)

// sealed is one segment, or the end, ready for the disk.
type sealed struct {
	bytes      []byte
	checkpoint []byte
	samples    int64         // frames
	end        *ledger.Entry // set on the last one
}

// encodeAll turns blocks into sealed segments. After an error it still gives blocks back to the
// ring, but encodes nothing more.
func (t *Take) encodeAll() {
	defer close(t.segments)
	defer t.enc.Release()
	var failed error
	fail := func(err error) {
		if failed == nil && err != nil {
			failed = health.WithCode(health.EncoderFault, err)
			t.s.Post(Failed{t, failed})
		}
	}
	for it := range t.items {
		if b := it.block; b != nil {
			if failed == nil {
				fail(t.encode(b))
			}
			t.s.Ring.Give(b)
			continue
		}
		if failed == nil {
			fail(t.sealAll(t.enc.Close()))
		} else {
			it.end.reason = "fault"
		}
		fail(t.sealEnd(*it.end))
		return
	}
}

// encode encodes a block. What happened before it is noted at the frame where it happened: silence
// that stands for lost samples, a step of the wall clock, a change of the card's rate.
func (t *Take) encode(b *ring.Block) error {
	if b.Silence > 0 {
		t.pending.Gaps = append(t.pending.Gaps, recording.Gap{Sample: t.position, Samples: b.Silence})
		if err := t.encodeSilence(b.Silence); err != nil {
			return err
		}
	}
	ahead, doubt := wallAhead(t.s.Clock.Now, t.Created)
	if step, due := t.wall.look(t.position, ahead, doubt); due {
		t.pending.ClockSteps = append(t.pending.ClockSteps, step)
	}
	if rate, due := t.rates.look(t.position, t.head.Audio.Rate, b.Rate); due {
		t.pending.Rates = append(t.pending.Rates, rate)
	}
	t.position += int64(len(b.Samples) / t.head.Audio.Channels)
	return t.sealAll(t.enc.Encode(b.Samples))
}

// encodeSilence fills a gap with silence of the same length.
func (t *Take) encodeSilence(frames int64) error {
	rate, channels := int64(t.head.Audio.Rate), int64(t.head.Audio.Channels)
	zeros := make([]int16, rate/10*channels)
	for frames > 0 {
		n := min(frames, rate/10)
		t.position += n
		if err := t.sealAll(t.enc.Encode(zeros[:n*channels])); err != nil {
			return err
		}
		frames -= n
	}
	return nil
}

// sealAll seals what the encoder returned.
func (t *Take) sealAll(segments []encoded.Segment, err error) error {
	for i := 0; i < len(segments) && err == nil; i++ {
		err = t.seal(segments[i])
	}
	return err
}

// seal seals a segment and queues it for the disk. The sound in clear is wiped.
func (t *Take) seal(s encoded.Segment) error {
	b, err := t.sealer.Segment(s.Data, t.happened(s.First+s.Samples))
	clear(s.Data)
	if err != nil {
		return err
	}
	t.segments <- sealed{bytes: b, checkpoint: t.sealer.Checkpoint(), samples: s.Samples}
	return nil
}

// happened takes the notes that belong before the segment that ends at a frame: each stands before
// the segment in which it starts. It returns nil if there are none.
func (t *Take) happened(end int64) *recording.Happening {
	var h recording.Happening
	p := &t.pending
	h.Gaps, p.Gaps = split(p.Gaps, func(g recording.Gap) bool { return g.Sample < end })
	h.ClockSteps, p.ClockSteps = split(p.ClockSteps, func(c recording.ClockStep) bool { return c.Sample < end })
	h.Rates, p.Rates = split(p.Rates, func(r recording.Rate) bool { return r.Sample < end })
	if len(h.Gaps)+len(h.ClockSteps)+len(h.Rates) == 0 {
		return nil
	}
	return &h
}

// split splits a list before the first element for which in is false. The first part is a copy.
func split[T any](list []T, in func(T) bool) (first, rest []T) {
	n := 0
	for n < len(list) && in(list[n]) {
		n++
	}
	return slices.Clone(list[:n]), list[n:]
}

func (t *Take) sealEnd(e ending) error {
	b, err := t.sealer.End(recording.End{Reason: e.reason, Samples: t.position}, e.acts)
	if err != nil {
		return err
	}
	t.segments <- sealed{bytes: b, checkpoint: t.sealer.Checkpoint(), end: &ledger.Entry{
		Type: ledger.Ended, ID: t.ID, Leaves: t.sealer.Leaves(), Root: t.sealer.Root(),
	}}
	return nil
}
