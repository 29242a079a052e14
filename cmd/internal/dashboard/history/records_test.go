package history

import (
	"errors"
	"fmt"
	"testing"
)

// There are at most maxRecords of a kind, also in one transaction; what is deleted makes space.
func TestRecordsAreBounded(t *testing.T) {
	db := open(t, t.TempDir(), Options{})
	update := func(f func(*Tx) error) error { return db.Update(t.Context(), f) }
	err := update(func(tx *Tx) error {
		for n := range maxRecords {
			if err := tx.Put("kind", fmt.Sprint(n), []byte("1")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	more := func(tx *Tx) error { return tx.Put("kind", "more", []byte("1")) }
	if err := update(more); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	if err := update(func(tx *Tx) error { return tx.Put("kind", "7", []byte("2")) }); err != nil {
		t.Errorf("another value: %v", err)
	}
	err = update(func(tx *Tx) error {
		for _, step := range []func(*Tx) error{
			func(tx *Tx) error { return tx.Delete("kind", "1") }, more,
			func(tx *Tx) error { return tx.Delete("kind", "2") },
			func(tx *Tx) error { return tx.Put("kind", "last", []byte("1")) },
		} {
			if err := step(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Errorf("after something was deleted: %v", err)
	}
}
