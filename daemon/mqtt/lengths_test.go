package mqtt

import (
	"fmt"
	"testing"
	"time"

	"tacet/daemon/topic"
)

// Only the last lengths are remembered, however many recordings wait for their copies.
func TestLengthsAreBounded(t *testing.T) {
	var a Announcer
	for i := range 2 * maxLengths {
		a.Event(topic.Event{Type: topic.Ended, Recording: fmt.Sprint(i), Seconds: topic.Seconds(time.Minute)})
	}
	if n := len(a.lengths); n != maxLengths {
		t.Errorf("%d lengths are remembered", n)
	}
	for id, known := range map[string]bool{"0": false, fmt.Sprint(2*maxLengths - 1): true} {
		if e := a.withLength(topic.Event{Type: topic.Copied, Recording: id}); (e.Seconds != nil) != known {
			t.Errorf("recording %s: %+v", id, e)
		}
	}
}
