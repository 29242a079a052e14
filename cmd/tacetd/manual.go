//go:build manual

package main

import "tacet/cmd/internal/manual"

// In the place of what the program does, it writes its manual page and completions.
func init() { manual.Main("tacetd", "8", run) }
