// Package consent decides when the room is recorded. It is a pure state machine: no clock, no input or output, no
// goroutine; it is told events and answers with effects.
package consent
