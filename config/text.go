package config

import "strings"

// firstLine is the one line that a file of one value holds.
func firstLine(data []byte) string {
	return strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff"))
}
