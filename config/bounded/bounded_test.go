package bounded

import (
	"strings"
	"testing"
)

func TestReadAll(t *testing.T) {
	for text, want := range map[string]error{"": nil, "1234": nil, "12345": ErrTooLong, "1234567": ErrTooLong} {
		got, err := ReadAll(strings.NewReader(text), 4)
		if err != want || string(got) != text[:min(len(text), 5)] {
			t.Errorf("of %q: %q, %v", text, got, err)
		}
	}
}
