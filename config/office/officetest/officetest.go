// Package officetest makes offices for tests.
package officetest

import (
	"testing"

	"tacet/config/office"
)

// New makes an office's key: who signs with it, the verifier key that units know it by, and that
// key's text.
func New(t testing.TB, name string) (signer office.Signer, key office.Key, text string) {
	t.Helper()
	private, text, err := office.NewKey(name)
	if err != nil {
		t.Fatal(err)
	}
	if signer, err = office.ParseSigner(private); err != nil {
		t.Fatal(err)
	}
	if key, err = office.ParseKey(text); err != nil {
		t.Fatal(err)
	}
	return signer, key, text
}
