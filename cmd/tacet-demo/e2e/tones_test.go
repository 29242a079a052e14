package e2e_test

import (
	"testing"

	"tacet/audio/audiotest"
	"tacet/cmd/tacet-demo/demotest"
)

// One tone when recording begins, two when it has ended, and none for half a consent.
func TestTones(t *testing.T) {
	t.Parallel()
	room := audiotest.NewPulse(t)
	speak(t, room)
	unit := demotest.NewUnit(t, demotest.Settings{Device: audiotest.Device, Stores: "[buzzer]\nline = \"GPIO24\"\n"})
	demo := unit.Start(t, room.Env()...)
	heard := func(n int) func(demotest.Panel) bool { return func(demotest.Panel) bool { return demo.Tones() == n } }
	demo.Insist("patient", "slow pulse", demotest.Light("pulse"))
	if n := demo.Tones(); n != 0 {
		t.Errorf("%d tones for half a consent", n)
	}
	demo.Insist("clinician", "recording", demotest.Phase("recording"))
	demo.Until("a tone", heard(1))
	demo.Until("two seconds", demotest.Recorded(1, 2))
	if n := demo.Tones(); n != 1 {
		t.Errorf("%d tones while it records", n)
	}
	demo.Press("patient")
	demo.Until("the end", demotest.Ended(1, "whole"))
	demo.Until("two more tones", heard(3))
}
