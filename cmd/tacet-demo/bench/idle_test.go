package bench_test

import (
	"testing"
	"time"

	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
)

// BenchmarkIdle measures for a minute a unit that is idle and connected to its broker.
func BenchmarkIdle(b *testing.B) {
	const settles, length = 10 * time.Second, time.Minute
	unit := demotest.NewUnit(b, demotest.Settings{Device: audiotest.Device})
	demo := unit.Start(b)
	demo.Until("readiness", demotest.Phase("idle"))
	<-time.After(settles)
	daemon := demo.UnitPid()
	before, begin := threads(b, daemon), time.Now()
	<-time.After(length)
	var used time.Duration
	var switches int64
	for _, t := range since(before, threads(b, daemon)) {
		used, switches = used+t.cpu, switches+t.switches
	}
	took := time.Since(begin)
	measured("idle and connected to a broker: voluntary context switches", float64(switches)/took.Seconds(), 10,
		"a second")
	measured("– of one core", 100*float64(used)/float64(took), 0.1, "%")
	demo.Stop()
}
