package post

import (
	"testing"
	"time"

	"tacet/cmd/internal/dashboard/history"
	"tacet/cmd/internal/dashboard/notice"
)

// BenchmarkTenThousandRooms: all rooms fail at once, and are stored in a real history.
func BenchmarkTenThousandRooms(b *testing.B) {
	for b.Loop() {
		db, err := history.Open(b.TempDir(), history.Options{})
		if err != nil {
			b.Fatal(err)
		}
		store := History(db)
		rules := []notice.Rule{{Name: "all", Grace: time.Minute, PerHour: 6}}
		p, err := Open(b.Context(), Options{Store: store, Rules: rules})
		if err != nil {
			b.Fatal(err)
		}
		for n := range 10_000 {
			p.See(sight(n, notice.Silent))
		}
		p.feed()
		now := time.Now()
		p.engine.Advance(now)
		out := p.engine.Take()
		decided := time.Since(now)
		if err := p.commit(b.Context(), out, now); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(decided.Milliseconds()), "decide-ms")
		b.ReportMetric(float64(time.Since(now).Milliseconds()), "stored-ms")
		again := time.Now()
		p.engine.Advance(again)
		b.ReportMetric(float64(time.Since(again).Microseconds()), "idle-us")
		db.Close()
	}
}
