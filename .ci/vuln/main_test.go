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

// Only what a newer Go mends, and no newer one than go.mod names, is no failure.
func TestReport(t *testing.T) {
	for _, test := range []struct {
		what, messages string
		ok             bool
		says           []string
	}{
		{"nothing", head, true, []string{"no known"}},
		{"of an older Go", head + finding("GO-1", "stdlib", "v1.26.9", "") + finding("GO-1", "stdlib", "v1.26.9", "Dial"),
			true,
			[]string{"left by", "GO-1 stdlib, called, mended in v1.26.9"}},
		{"of the named Go", head + finding("GO-1", "stdlib", "v1.26.10", "Dial"), true, []string{"GO-1"}},
		{"of a newer Go than is named", head + finding("GO-1", "stdlib", "v1.26.11", ""), false,
			[]string{"VULNERABLE: GO-1"}},
		{"of Go, not mended", head + finding("GO-1", "stdlib", "", "Dial"), false, []string{"not mended yet"}},
		{"of the next Go alone", head + finding("GO-1", "toolchain", "v1.27.0", ""), false, []string{"GO-1"}},
		{"of a module", head + finding("GO-2", "example.org/x", "v1.2.3", "F"), false,
			[]string{"GO-2 example.org/x, called"}},
		{"of a module, not called", head + finding("GO-2", "example.org/x", "v1.2.3", ""), false,
			[]string{"GO-2 example.org/x, mended"}},
	} {
		found, err := read(strings.NewReader(test.messages))
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		if ok := report(&out, found, "go1.26.10"); ok != test.ok {
			t.Errorf("%s: %v, want %v", test.what, ok, test.ok)
		}
		for _, says := range test.says {
			if !strings.Contains(out.String(), says) {
				t.Errorf("%s: %q does not say %q", test.what, out.String(), says)
			}
		}
	}
}

// A scan that did not happen finds nothing, and is no success.
func TestReadNothing(t *testing.T) {
	for _, messages := range []string{"", `{"config":{}}`, head + `{"finding":`} {
		if found, err := read(strings.NewReader(messages)); err == nil {
			t.Errorf("%q: found %v", messages, found)
		}
	}
}
