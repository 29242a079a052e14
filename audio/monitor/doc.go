// Package monitor judges samples as they come: whether some were lost on the way, and whether
// anybody is there to be heard. It is pure Go and opens nothing: the daemon uses it on whatever
// microphone it has been given.
//
// [Gaps] is shown each block's length and the time of its arrival, and tells where time is missing:
//
//	gaps := monitor.NewGaps(48000, opened)
//	for _, v := range gaps.Push(frames, arrived) {
//		… put v.Lost frames of silence before block v.Block, and drop its first v.Stale frames …
//	}
//
// It measures the card's own pace meanwhile: [Pace] says how many frames a second the card makes,
// and whether that is more or fewer than it claims.
//
// [Meter] is shown the samples, and tells whether there is sound above the room's own floor, and
// whether they move at all. What it knows of the room leaves it in no other way.
package monitor
