// Package holdback decides which blocks of sound may be kept. It is pure, without clock,
// goroutines, input or output. Its owner reports arriving blocks, readings of the lines and the
// light, and the end of consent, and takes back what may be kept:
//
//	h := holdback.New[*block](debounce, lightIsSensed) // one for each opening of the microphone
//	h.Block(b, arrived)
//	…
//	h.LinesClear(at) // all lines were read, and consent stands
//	h.LightLit(at)
//	keep(h.Keep())
//	…
//	h.Cut(at) // a hand, a fault, the end
//	keep(h.Keep())
//	recycle(h.Drop())
//
// # The rule
//
// A block is proved when, before the first Cut,
//
//   - it was reported, with its time of arrival,
//   - the lines were clear at arrived + debounce or later, and
//   - the light, if a sense line sees it, was lit at arrived or later.
//
// The order of the three does not matter. Keep returns only proved blocks, each once, oldest first.
// A Cut is final: every block that is not proved by then, and every later one, goes to Drop. So
// does a proved block that Keep has not returned and that did not arrive before the time of the
// Cut. There may be several Cuts; an earlier time drops more, and none restores what another
// dropped.
//
// # Why no sample after the first edge is kept
//
// Let e be the time of the first edge of a withdrawal, and a the arrival of a kept block. The block
// was proved, so the lines were clear at some t ≥ a + debounce, and no Cut had come by then. The
// owner guarantees that every edge up to t − debounce was reported as a Cut before LinesClear(t).
// No Cut had come, so e is later than t − debounce, and therefore later than a. No sample of the
// block was captured after a. So every sample is older than e.
//
// The argument does not use the level of a line, so a tap that is over when the lines are read does
// not defeat it. It does not use the time of an edge either, so an edge of unknown age is like any
// other: what is not proved is dropped in either case. That is why Cut isn't told whether its time
// is certain. The time only drops what should not have been proved: it guards against a mistake of
// the owner, and it applies to the blocks that wait for Keep when the light was last seen lit
// before them, or the machine was suspended.
//
// The light is analogous: a was not later than a time at which the light was seen lit, and it had
// not been reported dark.
//
// # What each input means
//
//   - All times are of one clock that never goes back, CLOCK_MONOTONIC, which also stamps edges.
//   - Block: arrived is an upper bound for the capture of its last sample. Too late a time costs
//     samples; too early a time keeps what it must not. An arrival before the last one counts as
//     the last one.
//   - LinesClear: at was taken before the lines were read; every line was read, and each says that
//     consent stands. Every edge up to at − debounce was reported as a Cut before. (An owner that
//     reports all edges older than at first is on the safe side. Debounce is the time for which a
//     line's filter, or the contact itself, may delay an edge.) A line that could not be read, or
//     is pressed, is not clear.
//   - LightLit: the light was driven, and read lit, at the time at or later.
//   - Cut: at is the time of the edge, or of whatever ends consent; for a light found dark, the
//     time when it was last seen lit. If the time isn't known, use the earliest possible one, or
//     the time when it was noticed: only proved blocks survive it.
//
// While nothing is proved, because nobody reads the lines, the blocks wait. The package holds as
// many as it is given: the bound is the owner's ring, which the blocks come from. A full ring loses
// sound and nothing else.
package holdback
