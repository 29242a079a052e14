package main

import (
	"strings"
	"testing"
)

const head = `{"config":{}} {"SBOM":{"go_version":"go1.26.8"}} `

func finding(id, module, fixed, function string) string {
	return `{"finding":{"osv":"` + id + `","fixed_version":"` + fixed + `","trace":[{"module":"` + module +
		`","function":"` + function + `"},{"module":"tacet"}]}} `
}

// TestReport: only a vulnerability that is fixed in the Go release of go.mod, or an earlier one, is
// no failure.
func TestReport(t *testing.T) {
	for _, test := range []struct {
		what, messages string
		ok             bool
		prints         []string
	}{
		{"nothing", head, true, []string{"no known"}},
		{"of an older Go", head + finding("GO-1", "stdlib", "v1.26.9", "") + finding("GO-1", "stdlib", "v1.26.9", "Dial"),
			true,
			[]string{"only because", "GO-1 stdlib, called, fixed in v1.26.9"}},
		{"of the named Go", head + finding("GO-1", "stdlib", "v1.26.10", "Dial"), true, []string{"GO-1"}},
		{"of a newer Go than is named", head + finding("GO-1", "stdlib", "v1.26.11", ""), false,
			[]string{"VULNERABLE: GO-1"}},
		{"of Go, not fixed", head + finding("GO-1", "stdlib", "", "Dial"), false, []string{"not fixed yet"}},
		{"of the next Go alone", head + finding("GO-1", "toolchain", "v1.27.0", ""), false, []string{"GO-1"}},
		{"of a module", head + finding("GO-2", "example.org/x", "v1.2.3", "F"), false,
			[]string{"GO-2 example.org/x, called"}},
		{"of a module, not called", head + finding("GO-2", "example.org/x", "v1.2.3", ""), false,
			[]string{"GO-2 example.org/x, fixed"}},
	} {
		found, err := read(strings.NewReader(test.messages))
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if ok := report(&out, found, "go1.26.10"); ok != test.ok {
			t.Errorf("%s: %v, want %v", test.what, ok, test.ok)
		}
		for _, want := range test.prints {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: %q does not contain %q", test.what, out.String(), want)
			}
		}
	}
}

// TestReadNothing: output without a scan is an error.
func TestReadNothing(t *testing.T) {
	for _, messages := range []string{"", `{"config":{}}`, head + `{"finding":`} {
		if found, err := read(strings.NewReader(messages)); err == nil {
			t.Errorf("%q: found %v", messages, found)
		}
	}
}
