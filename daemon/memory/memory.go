// Package memory keeps what is said in the room in this machine's memory: no page of the process
// reaches swap. What holds sound in clear wipes it when it has been used.
package memory
