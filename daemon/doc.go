// Package daemon is the recorder of one room. It reads the buttons, drives the light, opens the
// microphone while consent stands, and writes what it hears to disk, encrypted.
//
//	d, err := daemon.New(cfg, daemon.Hardware{Buttons: …, Light: …, Microphone: …}, daemon.Options{})
//	err = d.Run(ctx) // until ctx ends and everything is closed
//
// One goroutine, the owner, decides (owner.go, consultation.go). It asks the others without
// waiting, and they answer with events. It waits for nothing but its own select, and takes no lock
// that is held during a disk operation.
//
//	lines      Edge, Reading           ─→ ┌───────┐ ─→ Ask                   lines
//	lamp       Lit, Dark, Seen         ─→ │       │ ─→ Show, Look            lamp
//	capture    Opened, Failed, Closed  ─→ │       │ ─→ Open, Close           capture
//	ring       blocks of sound         ─→ │ owner │ ─→ Keep: blocks          take
//	take       Prepared, Begun, Ended  ─→ │       │ ─→ Prepare, Begin, End   take
//	readiness  Result                  ─→ │       │ ─→ Soon, Erase           readiness
//	disk       Copied, Released        ─→ └─┬───▲─┘ ─→ State, Event          mqtt
//	                                 events │   │ effects, in order (consultation.go)
//	                                   consent.Machine
//
// The life of a press: the line changes, and lines posts an Edge. The machine debounces it. After
// the last consent it asks for the light, which lamp sees dark, lights, and sees lit. The head of
// the recording is made in memory; then the microphone opens. When the first sample may be kept,
// the head is written, and "recording" is said. A withdrawal cuts the sound at its edge, then
// closes the microphone, then switches the light off.
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
