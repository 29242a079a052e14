// Package daemon is the recorder of one room: it listens to hands, drives the
// light, opens the microphone while consent stands, and brings what it hears to
// the disk, sealed.
//
//	d, err := daemon.New(cfg, daemon.Hardware{Buttons: …, Light: …, Microphone: …}, daemon.Options{})
//	err = d.Run(ctx) // until ctx ends, and all is closed as it should be
//
// One goroutine, the owner, holds the consent machine, the microphone's handle
// and all sound that is not yet kept. The others only send it events, and it
// answers with effects, which it carries out in order:
//
//	button ─edge→ ┌───────┐ light on → seen → microphone open
//	timer  ─────→ │ owner │
//	card   ─────→ └───────┘ microphone closed → light off
//	prober ─────→     │ blocks, cleared
//	                  ▼
//	encode, seal ─→ append, sync ─→ spool, ledger
//	                                  │ what was synced
//	                                  ▼
//	                                followers ─→ drive, folder, SFTP, S3
//
// Whatever may block lives elsewhere: the reader of the buttons, the sound
// card's opening and closing, the prober that looks at card and disk, a
// recording's two goroutines (encode, store), the stores' followers (see daemon/store),
// the broker's client.
//
// A block of sound waits in the hold-back until the lines were read after its
// arrival, showed no press, and the debounce time has passed; until the light
// was seen; and until the gap finder is done with it. They are read when the next
// block arrives, or 100 ms later where none does: what costs a unit its power is
// not work but wake-ups, and this way there is one for each block. Whatever ends a recording
// drops all that still waits. So a sample too many needs two errors, and a
// sample too few none.
//
// A killed process costs what a power cut costs: the second that is being filled, one
// sync, what is held back and one period of the card.
//
// Everything has a bound: 64 blocks in locked memory, two minutes of sealed
// seconds before a disk that stalls, 64 events. What can't be closed, a sound
// card that hangs or a disk that never answers, ends the process with an error;
// the light is then left as it is, for the microphone may be open.
package daemon
