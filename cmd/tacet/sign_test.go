package main

import "testing"

// What is signed is what was checked: a list that was changed in between isn't signed.
func TestAListIsItsKeys(t *testing.T) {
	keys := []string{"age1a", "age1b"}
	for text, want := range map[string]bool{
		"# remark\nage1a\n\n  age1b \n": true,
		"age1b\nage1a\nage1b\n":         true,
		"age1a\n":                       false,
		"age1a\nage1b\nage1c\n":         false,
		"age1a\nage1c\n":                false,
		"# age1a\n# age1b\n":            false,
	} {
		if got := lists([]byte(text), keys); got != want {
			t.Errorf("%q lists %q: %v, want %v", text, keys, got, want)
		}
	}
}
