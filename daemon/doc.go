// Package daemon is the recorder of one room. It reads the buttons, drives the light, opens the
// microphone while consent stands, and brings what it hears to disk, sealed.
//
//	d, err := daemon.New(cfg, daemon.Hardware{Buttons: …, Light: …, Microphone: …}, daemon.Options{})
//	err = d.Run(ctx) // until ctx ends and everything is closed
//
// One goroutine, the owner, decides (owner.go, consultation.go). It asks the others without
// waiting, and they answer with events. It waits for nothing but its own select, and takes no lock
// that is held during a disk operation.
//
//	           asks              owner             hears
//	lines      Ask               ┌───────┐         Edge, Reading
//	lamp       Show, Look        │       │         Lit, Dark, Seen
//	capture    Open, Close       │       │         blocks; Opened, Failed, Closed
//	take       Prepare, Begin,   │       │         Prepared, Begun,
//	           Keep, End         │       │         Failed, Ended
//	readiness  Soon, Erase       │       │         Result: the disk, warnings
//	mqtt       State, Event      └───┬───┘         connected
//	                                 │ every event
//	                          consent.Machine
//	                                 │ effects, in order: consultation.go
//
// The life of a press: the line changes; lines posts an Edge; the machine debounces it and, with
// the last consent, asks for the light. Lamp sees it dark, lights it and sees it lit. The
// recording's head is made in memory, then the microphone opens. Only when a sample may be kept is
// the head written and "recording" said. A press that withdraws cuts the sound at its edge, closes
// the microphone, and only then is the light switched off.
//
// The life of a sample: the audio thread copies it into a block of locked memory (ring). The block
// waits in the hold-back until, after it arrived, the lines were read and showed no withdrawal, the
// debounce time passed, and the light was seen lit; then until the gap finder has finished with it
// (capture). The take encodes, seals and appends it, syncs, and wipes the block. The followers copy
// what was synced to the stores.
//
// A reading of the lines follows every edge that is older, so no block is judged before an edge
// that it should have been judged by. Keeping a sample too many would take two errors; losing one
// takes none. The lines are read when the next block arrives, or 100 ms later: what costs a unit
// its power is wake-ups.
//
// A killed process costs what a power cut costs: the second that is being filled, one sync, what is
// held back, and one period of the card.
//
// Everything is bounded: 6 to 13 seconds of samples in the ring, two minutes of sealed seconds for
// a disk that stalls, 64 pending events. A sound card, a light or a disk that never answers ends
// the process with an error. The light then stays as it is, for the microphone may be open.
//
// README.md has the decisions behind this, and the promises with their tests.
package daemon
