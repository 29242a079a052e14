// Package consent decides when the room is recorded. It is a pure state machine: no clock, no
// goroutine, no input or output. It is told events and answers with effects, which its owner
// carries out in order:
//
//	m := consent.New(settings, time.Now())
//	for _, effect := range m.Step(time.Now(), event) {
//		carryOut(effect)
//	}
//
// and when [Machine.Deadline] has come, it wants a [Tick].
//
//	          not ready
//	boot ───► faulty ◄──── idle ◄────────────────────────────────────────┐
//	 a press:        ────►  │  ▲                                         │
//	 LightFlash      ready  │  │ any edge of one who gave, 30 s,         │ dark, file closed
//	                        │  │ door, fault, not ready, stop: LightOff  │
//	     one of many gave:  ▼  │                                         │
//	           LightPulse  waiting                                       │
//	                        │                                            │
//	      all gave:         ▼        any edge, failure, 10 s, door, stop │
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
// press edge to the first edge of the burst in which the line came to rest; a latching one by being
// put on after it had been seen off. Either takes effect when the line has been still for the
// button's Debounce. Edges come raw, and are the machine's to debounce. A press gives nothing if
//
//   - one of its edges is doubted, or another of its button is before it has given, or was only learnt of after it began,
//   - the line was not still in the released position for Debounce before it, or at boot,
//   - it began in the dead time, not ready, while starting, recording or stopping, or after [Stop],
//   - consent was cleared, readiness lost, the door opened or a fault told while it lasted.
//
// Lengths are measured on the times at which the edges came, whenever they were learnt of.
//
// So a shorted cable, a chair against a button or a line that chatters can stop a recording and not
// start one. A latching button's line gives as soon as it is shorted for the debounce time: prefer
// momentary ones.
//
// # Doubt
//
// An edge is doubted if its reader doubts it (Edge.Fresh is false: edges before it were lost, or
// its time is not known), if it leads to where the button is already (two presses in a row: one
// between was missed), or if it is learnt of more than 250 ms after it came: nobody expects an
// answer so late. Where one is missing, anything may have come before: so a doubted edge counts
// before all that would come due with it. It withdraws as any edge does. It gives nothing, and what
// was pressed on its button until it was learnt of, given, just about to be or still down, comes to
// nothing: who presses twice without an answer may mean yes or no. The next press is judged anew.
//
// # Withdrawing
//
// Once a button has given, and while starting or recording any button whether it gave long ago or
// not, the first edge withdraws: no debouncing, whichever way it goes, whatever its age. A release
// whose press was not seen counts, since there was a press. [Cut] carries the edge's time; [Act]
// keeps it.
//
// Every consent is then cleared. For 3 s presses count as nothing, and each press edge begins the 3
// s again; the light stays dark. A latching button that is still on has to go off first.
//
// # Lapsing
//
// Waiting lapses 30 s after the last give that counted. Starting is a fault when the microphone is
// not open 10 s after the last give, when no samples have come 1 s after that, when none of them
// may be kept 5 s later, or when the head is not on disk another 5 s later. Recording lapses at
// max, after quiet without a [Sound], and when the door opens. All three lapse when the machine was
// suspended ([Slept]). A [Fault], or Lit{false}, ends all three as a fault, Stop for good.
// Ready{false} lapses waiting, but leaves starting and recording alone: what has to end those is
// told as a Fault.
//
// A lapse is dated with the time at which it was due, even if its Tick came late; the dead time
// counts from the later of the two.
//
// # What the owner owes
//
//   - After New each line's level, as an edge that is not fresh. Until then a momentary button is taken as released and
//     a latching one as on.
//   - Edges and door events that are queued come before anything else that is queued, each line's in order.
//   - Each request gets one answer: LightOff Dark, Prepare Prepared, Begin Begun, OpenMic Opened, CloseMic Closed, End Ended. LightOn
//     gets Lit; that may stay away when LightOff has been given, and does not come after Dark. Lit{false} may come at
//     any time. Stopping is left only when all answers are in, so a device that never answers can't be started again.
//   - Until Begin nothing of a start is written to any disk, log or network: a consent that is withdrawn before leaves
//     nothing anywhere.
//   - Samples may come before Opened, Keepable only after it. Those captured at a Cut or later are dropped.
//   - While stopping an edge may turn out to be older than the end: then another Cut follows, an earlier one or one of
//     unknown age, until the file is closed.
//
// # What holds, whatever comes
//
// OpenMic comes only between LightOn, answered by Lit{true}, and LightOff; nothing changes the
// light between OpenMic and Closed, or Opened{false}. It needs a give by every party since consent
// was last cleared, and Prepared{true}. Recording is said only after samples, and with the head on
// disk. After the first edge while starting or recording the same step cuts. Every Prepared{true}
// gets exactly one Discard or, after Begun{true}, one End. Without an edge, or after Stop, nothing
// is asked for. The tests watch these after every step, in every sequence of events up to a depth
// and over a million random edges, and hold each history against a second reading of this page.
package consent
