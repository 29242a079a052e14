// Package daemon is the recorder of one room: it listens to hands, drives the light, opens the
// microphone while consent stands, and brings what it hears to the disk, sealed.
//
//	d, err := daemon.New(cfg, daemon.Hardware{Buttons: …, Light: …, Microphone: …}, daemon.Options{})
//	err = d.Run(ctx) // until ctx ends, and all is closed as it should be
//
// One goroutine, the owner, holds the consent machine, the microphone's handle and all sound that
// is not yet kept. The others only send it events, and it answers with effects, which it carries
// out in order:
//
//	lines ─edges, readings→ ┌───────┐ light on → seen → microphone open
//	timer  ───────────────→ │ owner │
//	card   ───────────────→ └───────┘ microphone closed → light off
//	prober ───────────────→     │ blocks that may be kept
//	                            ▼
//	          encode, seal ─→ append, sync ─→ spool, ledger
//	                                            │ what was synced
//	                                            ▼
//	                                          followers ─→ drive, folder, SFTP, S3
//
// The owner waits for nothing but its own select. Whatever may block lives elsewhere: the reader of
// the lines (lines.go), the two lights (lamp.go, statuslamp.go), the sound card's opening and
// closing (capture.go), the prober that looks at card and disk, the making and the writing of a
// recording's head (prepare.go), a recording's two goroutines (encode, store), the stores'
// followers (see daemon/store), the broker's client, the log's writer (daemon/journal).
//
// A block of sound waits in the hold-back (daemon/holdback) until the lines were read after its
// arrival, showed no press, and the debounce time has passed, and until the light was seen; and
// then until the gap finder is done with it. A reading of the lines is posted after every edge that
// is older, so a block can't be judged before an edge that it should have been judged by. The lines
// are read when the next block arrives, or 100 ms later where none does: what costs a unit its
// power is not work but wake-ups. Whatever ends a recording drops all that is not proved by then.
// So a sample too many needs two errors, and a sample too few none.
//
// Nothing of a start is written anywhere before its first samples may be kept. Then the head goes
// to the disk and the start to the ledger; when both are synced, "recording" is said, and what was
// held follows.
//
// What is recorded goes to recipients and drives that somebody vouches for: the office's signature,
// or who stood at the unit (trust.go). Of others it is said that they are there, and they get
// nothing.
//
// A killed process costs what a power cut costs: the second that is being filled, one sync, what is
// held back and one period of the card.
//
// Sound in clear lies in locked memory that is in no core dump, the ring's and the encoder's, and
// for moments in the heap, which is locked with all of the process where that can be had
// (daemon/memory). A second is wiped when it is sealed.
//
// Everything has a bound: 6 to 13 seconds of samples in the ring, two minutes of sealed seconds
// before a disk that stalls, 64 events. What can't be closed, a sound card that hangs, a light that
// doesn't answer, a disk that never does, ends the process with an error; the light is then left as
// it is, for the microphone may be open.
package daemon
