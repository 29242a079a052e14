//go:build unix

package store

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"

	"tacet/daemon/health"
)

// Apart returns k, but never opens it if it shows the folder spool: a server may serve the unit's
// own recordings, through whatever path, gateway or mount. A copy there would be the recording
// itself, and would go with it. Without a spool it returns k.
func Apart(k Kind, spool string) Kind {
	if spool == "" {
		return k
	}
	return apart{k, spool}
}

type apart struct {
	Kind
	spool string
}

func (a apart) Open(ctx context.Context) (Medium, error) {
	m, err := a.Kind.Open(ctx)
	if err != nil {
		return nil, err
	}
	if a.shownBy(ctx, m) {
		m.Close()
		return nil, &Trouble{Code: health.StoreError, Err: fmt.Errorf(
			"%s is the unit's own spool, %s: a copy there would be no second one; name another server or folder",
			m.ID(), a.spool)}
	}
	return m, nil
}

// shownBy makes a file in the spool and reports whether the medium has it.
func (a apart) shownBy(ctx context.Context, m Medium) bool {
	name := ".tacet-here-" + rand.Text()
	f, err := os.OpenFile(filepath.Join(a.spool, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false // nothing is recorded there either
	}
	f.Close()
	defer os.Remove(f.Name())
	switch m := m.(type) {
	case Folder:
		_, err := m.FS().Stat(name)
		return err == nil
	case Bucket:
		object, _, err := m.Get(ctx, name)
		if err == nil {
			object.Close()
		}
		return err == nil
	}
	return false
}
