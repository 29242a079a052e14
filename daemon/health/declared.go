package health

import (
	"cmp"
	"slices"
	"time"
)

// declared is every warning, sorted by code.
var declared = slices.SortedFunc(
	slices.Values(slices.Concat(microphone, panel, disk, keys, stores, broker, software)),
	func(a, b Warning) int { return cmp.Compare(a.Code, b.Code) },
)

// The durations that warnings share.
const (
	soon   = 2 * time.Second  // a drive is being exchanged
	settle = 5 * time.Second  // a plug is being put in, a disk is being checked
	calm   = 10 * time.Second // what flaps must be well for this long
	hour   = time.Hour
	day    = 24 * time.Hour
)
