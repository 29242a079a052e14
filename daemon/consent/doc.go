// Package consent decides when the room is recorded. It is a pure state machine without clock,
// goroutines, input or output. It takes events and returns effects, which its owner carries out in
// order:
//
//	m := consent.New(settings, time.Now())
//	for _, effect := range m.Step(time.Now(), event) {
//		carryOut(effect)
//	}
//
// At [Machine.Deadline] it needs a [Tick].
//
//	          not ready
//	boot ───► faulty ◄──── idle ◄────────────────────────────────────────┐
//	 a press:        ────►  │  ▲                                         │
//	 LightFlash      ready  │  │ an edge of a giver, 30 s,              │ dark, file closed
//	                        │  │ door, fault, not ready, stop: LightOff  │
//	     some have given:   ▼  │                                         │
//	           LightPulse  waiting                                       │
//	                        │                                            │
//	      all have given:   ▼        any edge, failure, 10 s, door, stop │
//	      LightOn, Prepare starting ─────────────────────────────► stopping
//	                        │                                        ▲  Cut, Discard or End, CloseMic at once;
//	  lit and prepared:     │                                        │  closed: LightOff;
//	  OpenMic; opened, and  │                                        │  dark after a failed start: LightFlash
//	  samples within 1 s;   │                                        │
//	  some may be kept      │                                        │
//	  within 5 s: Begin;    │                                        │
//	  begun within 5 s      ▼        any edge,                       │
//	                       recording ────────────────────────────────┘
//	                                 max, quiet, door, fault, suspend, stop
//
// # Giving
//
// Only a hand gives. A momentary button gives by a press and a release, 50 ms to 5 s from the first
// press edge to the first edge of the burst in which the line came to rest. A latching button gives
// by being switched on after it was seen off. Either takes effect once the line has been still for
// the button's Debounce. Edges come raw; the machine debounces them. A press gives nothing if
//
//   - one of its edges is doubted, or another edge of its button is doubted before it has given, or
//     arrives only after it started,
//   - the line was not still in the released position for Debounce before it, or at boot,
//   - it started in the dead time, while not ready, starting, recording or stopping, or after
//     [Stop],
//   - during it, consent was cleared, readiness was lost, the door opened or a fault was reported.
//
// Durations are measured between the times of the edges, however late these arrive.
//
// So a cable with a short, a chair against a button or a line that chatters can stop a recording
// but not start one. A latching button's line gives as soon as it has been shorted for the debounce
// time: prefer momentary buttons.
//
// # Doubt
//
// An edge is doubted if its reader doubts it (Edge.Fresh is false: edges before it were lost, or
// its time is not known), if it leads to the present position of the button (of two presses in a
// row, an edge between was missed), or if it arrives more than 250 ms late: nobody expects a
// reaction that late. When an edge is missing, anything may have happened before. So a doubted edge
// is handled before anything due at the same time. It withdraws like any edge. It gives nothing, and
// cancels every earlier press of its button: consent already given while waiting, a press about to
// count, a button still down. Somebody who presses twice without an answer may mean yes or no. The
// next press is judged on its own.
//
// # Withdrawing
//
// The first edge of a button that has given withdraws, as does, while starting or recording, the
// first edge of any button: without debouncing, in either direction, of any age. A release without
// its press counts, since there was a press. [Cut] carries the edge's time; [Act] records it.
//
// All consent is then cleared. For 3 s, the dead time, presses have no effect, and each press edge
// restarts the 3 s; the light stays dark. A latching button that is still on has to be switched off
// first.
//
// # Lapsing
//
// Waiting lapses 30 s after the last give that counted. Starting fails if the microphone is not
// open 10 s after the last give, if no samples have arrived 1 s after that, if none of them is
// keepable 5 s later, or if the head is not on disk another 5 s later. Recording lapses at Max,
// after Quiet without a [Sound], and when the door opens. All three lapse if the machine was
// suspended ([Slept]). A [Fault], or Lit{false}, ends all three as a fault; Stop ends them for
// good. Ready{false} ends waiting, but not starting or recording: what has to end those is reported
// as a Fault.
//
// A lapse is dated with the time at which it was due, even if its Tick came late. The dead time
// counts from the later of the two.
//
// # What the owner must do
//
//   - After New, report each line's level as an edge that is not fresh. Until then a momentary
//     button counts as released and a latching one as on.
//   - Report queued edges and door events before anything else that is queued, each line's in
//     order.
//   - Answer each request once: LightOff by Dark, Prepare by Prepared, Begin by Begun, OpenMic by
//     Opened, CloseMic by Closed, End by Ended. LightOn is answered by Lit, which may be omitted
//     after LightOff, and must not follow Dark. Lit{false} may come at any time. The machine leaves
//     Stopping only when all answers are in, so a device that never answers can't be started again.
//   - Until Begin, write nothing of a start to any disk, log or network: a consent that is
//     withdrawn before leaves no trace.
//   - Report Samples even before Opened, but Keepable only after it. Drop samples captured at the
//     time of a Cut or later.
//   - While stopping, an edge may turn out to be older than the end: then another Cut follows, with
//     an earlier or an unknown time, until the file is closed.
//
// # Invariants
//
// OpenMic comes only between LightOn, answered by Lit{true}, and LightOff; nothing changes the
// light between OpenMic and Closed, or Opened{false}. It needs a give by every party since consent
// was last cleared, and Prepared{true}. Recording is reported only after samples have arrived, and
// with the head on disk. The first edge while starting or recording cuts in the same step. Every
// Prepared{true} gets exactly one Discard or, after Begun{true}, one End. Without an edge, or after
// Stop, nothing is requested. The tests check these after every step, in every sequence of events
// up to a depth and over a million random edges, and compare each history with a second
// implementation of these rules.
package consent
