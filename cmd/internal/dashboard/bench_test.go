package dashboard

import (
	"fmt"
	"testing"
	"time"

	"tacet/cmd/internal/dashboard/feed"
	"tacet/cmd/internal/dashboard/practice"
	"tacet/daemon/topic"
)

// BenchmarkTake takes the states of new rooms, as after the first start, until they are stored.
func BenchmarkTake(b *testing.B) {
	d, err := Open(b.Context(), Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	go d.Run(b.Context())
	events := make([]feed.Event, b.N)
	done := make(chan struct{}, b.N)
	for i := range events {
		u := newUnit(practice.RoomID{Site: fmt.Sprintf("site-%d", i%10_000/25), Room: fmt.Sprintf("room-%d", i%25)}, "b1")
		u.seq = uint64(i)
		m := &practice.Message{Broker: "main", Topic: u.State(), Payload: []byte(u.state(topic.Idle)), Retained: true,
			At: time.Now()}
		events[i] = feed.NewEvent("main", m, func() { done <- struct{}{} })
	}
	b.ResetTimer()
	for _, e := range events {
		d.events <- e
	}
	for range events {
		<-done
	}
}
