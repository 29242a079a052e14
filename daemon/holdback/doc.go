// Package holdback decides which blocks of sound may be kept. It is pure: no clock, no goroutine,
// no input or output. Its owner tells it what arrives, what the lines and the light were seen to
// say and where consent ended, and takes back what may be kept:
//
//	h := holdback.New[*block](debounce, lightIsSensed) // one for each opening of the microphone
//	h.Block(b, arrived)
//	…
//	h.LinesClear(at) // every line was read, and all say that consent stands
//	h.LightLit(at)
//	keep(h.Keep())
//	…
//	h.Cut(at) // a hand, a fault, the end
//	keep(h.Keep())
//	giveBack(h.Drop())
//
// # The rule
//
// A block is proved when, before the first Cut,
//
//   - it came in, with the time at which it had arrived,
//   - the lines were seen clear at arrived + debounce or later, and
//   - the light, where a sense line sees it, was seen lit at arrived or later.
//
// It does not matter in which order these three come. Keep returns proved blocks only, each once,
// oldest first. A Cut is final: every block that is not proved by then, and every block that comes
// later, goes to Drop. So does a proved block that Keep has not returned and whose arrival is not
// before the Cut's time. There may be several Cuts; an earlier one takes more, and none gives back
// what another took.
//
// # Why no sample after the first edge is kept
//
// Let e be the first edge of a withdrawal, and let a kept block have arrived at a. The block was
// proved, so lines were seen clear at some t, with t ≥ a + debounce, and no Cut had come by then.
// The owner vouches that every edge up to t − debounce had been told as a Cut before it says
// LinesClear(t). No Cut had come, so e is later than t − debounce, and so later than a. No sample
// of the block was captured later than a. So every sample is older than e.
//
// The argument needs no level of a line, so a tap that is over when the lines are read is no way
// around it. It needs no time of an edge either, so an edge of unknown age is no different from any
// other: what is not proved goes in either case. That is why Cut isn't told whether its time is
// certain. The time takes only what should not have been proved: it guards against an owner that
// breaks its word, and it carries a light that was last seen lit, or a suspension, into what waits
// for Keep.
//
// The same for the light: a was not later than a time at which it was seen lit, and it had not been
// reported dark.
//
// # What each input must mean
//
//   - All times come from one clock that never goes back, CLOCK_MONOTONIC, the one that stamps edges.
//   - Block: arrived is the time at which its last sample was captured, at the latest. Too late a time costs samples;
//     too early a time keeps what it must not. An arrival that is before the last one is taken as the last one.
//   - LinesClear: at was taken before the lines were read; every line was read, and each says that consent stands. Every
//     edge up to at − debounce has been told as a Cut before. (An owner that has told every edge older than at, when it
//     says LinesClear, is well on the safe side. The debounce time is what a line's filter, or the contact itself, may
//     hold an edge back.) A line that could not be read, or is pressed, is not clear.
//   - LightLit: the light was driven, and read lit, not before at.
//   - Cut: at is the time of the edge, or of whatever ends consent; for a light that was found dark, the time when it was
//     last seen lit. If the time isn't known, give the earliest one that it may have, or the time when it was noticed:
//     nothing but proved blocks survive it.
//
// When nothing was proved for a while, because nobody read the lines, the blocks wait. The package
// holds as many as it is given: the bound is the memory that the blocks come from, the owner's
// ring. A ring that is full loses sound and nothing else.
package holdback
