// Package memory keeps what is said in the room in this machine's memory, and there no longer than it is needed: no page of the
// process reaches swap, and what a recording leaves behind in Go's heap is given back to the kernel, which wipes it.
//
// What holds samples on purpose is wiped by whoever holds it. This is for the rest: what an encoder, the encryption and the sound
// library have copied where nobody can wipe it.
package memory
