//go:build unix

package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/minio/minio-go/v7"

	"tacet/daemon/store"
)

var (
	_ store.Prober  = (*medium)(nil)
	_ store.Remover = (*medium)(nil)
	_ store.Limited = (*medium)(nil)
)

// Probe starts a multipart upload as Put does, sends one part, looks for it, and aborts the upload.
// With a lock, no object may be made, because it could not be removed.
func (m *medium) Probe(ctx context.Context) (small bool, err error) {
	ctx, done := m.withAbort(ctx)
	defer done()
	if err = m.probe(ctx); err != nil && !errors.Is(err, errNoParts) {
		return false, m.explain(fmt.Errorf("try an upload to the bucket %s: %w", m.kind.Bucket, err))
	}
	return m.kind.Lock == 0, nil
}

func (m *medium) probe(ctx context.Context) error {
	text := []byte("Tacet tries to write here\n")
	known := &sums{parts: map[int]*part{}}
	u, err := m.start(ctx, m.kind.Prefix+".tacet-probe", bytes.NewReader(text), int64(len(text)), known)
	if err != nil {
		return err
	}
	u, err = u.sent(ctx)
	defer u.abort(ctx)
	if err != nil {
		return err
	}
	err = m.upload(u.key, u.id, u.from, u.size, known).look(ctx)
	if refuses(err) {
		m.quirks.note(lacksList, err)
		return nil
	}
	return err
}

// Remove removes an object, if the account is allowed to. It need not be.
func (m *medium) Remove(ctx context.Context, name string) error {
	key, err := m.key("remove", name)
	if err != nil {
		return err
	}
	ctx, done := m.withAbort(ctx)
	defer done()
	return m.explain(m.core.RemoveObject(ctx, m.kind.Bucket, key, minio.RemoveObjectOptions{}))
}

// Limits returns what the server was found to lack.
func (m *medium) Limits() []string { return m.quirks.limits() }
