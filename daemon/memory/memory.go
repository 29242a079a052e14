// Package memory keeps every page of the process out of swap, so that nothing said in the room
// reaches it.
package memory
