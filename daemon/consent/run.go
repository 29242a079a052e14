package consent

import "time"

// run is one start, from LightOn to the last answer. It ends only when every request has been
// answered (LightOn by Dark at the latest), so that no late answer can pass for one to the next
// start.
type run struct {
	lit      bool
	head     head
	mic      mic
	heard    bool // samples have arrived
	lightOff bool // requested
	dark     bool
	flash    bool // flash once the light is dark, because the start failed
	reason   string
	cut      time.Time // the earliest so far

	startBy time.Time // while starting: the deadline for the microphone, then for samples, then for the head
	maxAt   time.Time // while recording
	quietAt time.Time
}

type head uint8 // the state of the file's head

const (
	headNone head = iota
	headAsked
	headReady     // in memory only
	headBeginning // being written
	headWritten   // on disk
	headEnding
	headDone
)

type mic uint8

const (
	micClosed mic = iota
	micOpening
	micOpen
	micClosing
)

// start needs the consent of all parties.
func (m *Machine) start(now time.Time) {
	m.phase = Starting
	m.run = run{head: headAsked, startBy: now.Add(startTime)}
	m.emit(LightOn{})
	m.emit(Prepare{})
}

func (m *Machine) litAnswer(now time.Time, ok bool) {
	if m.phase != Starting && m.phase != Recording {
		return
	}
	if !ok {
		m.lapse(now, now, CauseFault)
		return
	}
	m.run.lit = true
	m.openMic()
}

func (m *Machine) prepared(now time.Time, ok bool) {
	if m.run.head != headAsked {
		return
	}
	m.run.head = headDone
	if ok {
		m.run.head = headReady
	}
	switch m.phase {
	case Starting:
		if !ok {
			m.lapse(now, now, CauseFault)
			return
		}
		m.openMic()
	case Stopping:
		m.endHead()
		m.finish()
	}
}

// openMic opens the microphone once the light is lit and the head is made.
func (m *Machine) openMic() {
	if m.phase == Starting && m.run.lit && m.run.head == headReady && m.run.mic == micClosed {
		m.run.mic = micOpening
		m.emit(OpenMic{})
	}
}

func (m *Machine) opened(now time.Time, ok bool) {
	if m.run.mic != micOpening {
		return
	}
	m.run.mic = micClosed
	if ok {
		m.run.mic = micOpen
	}
	switch {
	case m.phase == Stopping:
		m.closeMic()
	case !ok:
		m.lapse(now, now, CauseFault)
	case m.run.heard:
		m.run.startBy = now.Add(beginTime)
	default:
		m.run.startBy = now.Add(samplesTime)
	}
}

func (m *Machine) samples(now time.Time) {
	if m.phase != Starting || m.run.heard || m.run.mic == micClosed {
		return
	}
	m.run.heard = true
	if m.run.mic == micOpen {
		m.run.startBy = now.Add(beginTime)
	}
}

// keepable requests that the head be written. Until now, nothing of this start is on disk.
func (m *Machine) keepable(now time.Time) {
	if m.phase != Starting || m.run.mic != micOpen || m.run.head != headReady {
		return
	}
	m.samples(now)
	m.run.head = headBeginning
	m.run.startBy = now.Add(beginTime)
	m.emit(Begin{})
}

func (m *Machine) begun(now time.Time, ok bool) {
	if m.run.head != headBeginning {
		return
	}
	m.run.head = headReady
	if ok {
		m.run.head = headWritten
	}
	switch {
	case m.phase == Stopping:
		m.endHead()
		m.finish()
	case ok:
		m.record(now)
	default:
		m.lapse(now, now, CauseFault)
	}
}

func (m *Machine) sound(now time.Time) {
	if m.phase == Recording {
		m.run.quietAt = now.Add(m.set.Quiet)
	}
}

func (m *Machine) record(now time.Time) {
	m.phase = Recording
	m.run.maxAt = now.Add(m.set.Max)
	m.run.quietAt = now.Add(m.set.Quiet)
}

// end closes what a start has opened, the light last.
func (m *Machine) end(cut Cut, reason string) {
	m.run.flash = m.phase == Starting && reason == ReasonFault
	m.phase = Stopping
	m.run.reason, m.run.cut = reason, cut.At
	m.emit(cut)
	m.endHead()
	m.closeMic()
}

// cutEarlier handles an edge that arrives after the end but may be older than its cut.
func (m *Machine) cutEarlier(at time.Time, fresh bool) {
	if m.run.head == headDone || fresh && !at.Before(m.run.cut) {
		return
	}
	m.run.cut = earlier(m.run.cut, at)
	m.emit(Cut{At: at, Fresh: fresh})
}

// endHead ends the file, or discards a head that is not written. If the head is being written, it
// waits.
func (m *Machine) endHead() {
	switch m.run.head {
	case headReady:
		m.run.head = headDone
		m.emit(Discard{})
	case headWritten:
		m.run.head = headEnding
		closing := m.acts[len(m.acts)-1]
		m.emit(End{Reason: m.run.reason, Acts: []Act{closing}})
	}
}

// closeMic closes the microphone, after waiting for one that is opening. Then the light is switched
// off.
func (m *Machine) closeMic() {
	switch m.run.mic {
	case micOpen:
		m.run.mic = micClosing
		m.emit(CloseMic{})
	case micClosed:
		m.run.lightOff = true
		m.turnOff()
	}
}

func (m *Machine) closed() {
	if m.run.mic != micClosing {
		return
	}
	m.run.mic = micClosed
	m.closeMic()
}

// turnOff switches the light off, and counts: the answer to an earlier LightOff is not the answer
// to this one.
func (m *Machine) turnOff() {
	m.darks++
	m.emit(LightOff{})
}

func (m *Machine) dark() {
	m.darks = max(0, m.darks-1)
	if !m.run.lightOff || m.run.dark || m.darks > 0 {
		return
	}
	m.run.dark = true
	if m.run.flash && !m.stopped {
		m.emit(LightFlash{})
	}
	m.finish()
}

func (m *Machine) ended() {
	if m.run.head == headEnding {
		m.run.head = headDone
		m.finish()
	}
}

// finish leaves Stopping when everything is answered.
func (m *Machine) finish() {
	if m.phase != Stopping || !m.run.dark || m.run.head != headDone {
		return
	}
	m.run = run{}
	m.acts = nil
	m.phase = m.idle()
}
