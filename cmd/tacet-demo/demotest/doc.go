// Package demotest runs the built programs: tacet-demo, with the real daemon in a process of its
// own, through the buttons of its panel; and tacet, at the desk.
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
// A [Unit] is what survives a process: its config, its folders and the office's key. Everything
// else that the programs write goes to its folder for temporary files, so that a test can look at
// all of it.
package demotest
