// Package demotest drives the programs as they are built: a tacet-demo, with the real daemon in a
// process of its own, by the buttons of its panel; and tacet, at the desk.
//
//	func TestMain(m *testing.M) { demotest.Main(m) }
//
//	room := audiotest.NewPulse(t)
//	unit := demotest.NewUnit(t, demotest.Settings{Device: audiotest.Device, Codec: "wav"})
//	demo := unit.Start(t, room.Env()...)
//	demo.Consent()
//	demo.Until("two seconds", demotest.Recorded(1, 2))
//	demo.Press("patient")
//	file := demo.Whole(1)
//
// A [Unit] is what outlives a process: its config, its folders and the office's key. Everything
// that the programs write outside of these goes into its folder for temporary files, so that a test
// can look at all of it.
package demotest
