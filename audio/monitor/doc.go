// Package monitor judges samples as they arrive: whether some were lost, and whether anybody can be
// heard. It is pure Go and opens no device, so the daemon can use it with any microphone.
//
// [Gaps] takes the length and the arrival time of each block, and finds where time is missing:
//
//	gaps := monitor.NewGaps(48000, opened)
//	for _, v := range gaps.Push(frames, arrived) {
//		… put v.Lost frames of silence before block v.Block, and drop its first v.Stale frames …
//	}
//
// Meanwhile [Pace] measures how many frames per second the card really delivers, and whether that
// is off its nominal rate.
//
// [Meter] takes the samples, and reports whether there is sound above the room's noise floor, and
// whether the signal moves at all. It reveals nothing else about the room.
package monitor
