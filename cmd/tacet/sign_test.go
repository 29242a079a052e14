package main

import "testing"

// A list that changes between the check and the signature isn't signed.
func TestHasExactly(t *testing.T) {
	keys := []string{"age1a", "age1b"}
	for text, want := range map[string]bool{
		"# remark\nage1a\n\n  age1b \n": true,
		"age1b\nage1a\nage1b\n":         true,
		"age1a\n":                       false,
		"age1a\nage1b\nage1c\n":         false,
		"age1a\nage1c\n":                false,
		"# age1a\n# age1b\n":            false,
	} {
		if got := hasExactly([]byte(text), keys); got != want {
			t.Errorf("%q has exactly %q: %v, want %v", text, keys, got, want)
		}
	}
}
