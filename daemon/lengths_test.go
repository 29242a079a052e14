package daemon

import (
	"fmt"
	"testing"
	"time"

	"tacet/daemon/topic"
)

// Of recordings that wait for ever for their copy no more than so many lengths are remembered: the
// last.
func TestLengthsAreBounded(t *testing.T) {
	var l teller
	for i := range 2 * keptLengths {
		l.event(topic.Event{Type: topic.Ended, Recording: fmt.Sprint(i), Seconds: topic.Seconds(time.Minute)})
	}
	if n := len(l.lengths); n != keptLengths {
		t.Errorf("%d are kept", n)
	}
	for id, known := range map[string]bool{"0": false, fmt.Sprint(2*keptLengths - 1): true} {
		if e := l.measured(topic.Event{Type: topic.Copied, Recording: id}); (e.Seconds != nil) != known {
			t.Errorf("%s is told as %+v", id, e)
		}
	}
}
