//go:build unix

package s3

import (
	"context"
	"fmt"

	"tacet/daemon/store"
)

var _ store.Prober = (*medium)(nil)

// Probe begins an upload and ends it again: the account may put, and need not be able to delete.
func (m *medium) Probe(ctx context.Context) (small bool, err error) {
	ctx, done := m.during(ctx)
	defer done()
	key := m.kind.Prefix + ".tacet-probe"
	id, err := m.core.NewMultipartUpload(ctx, m.kind.Bucket, key, m.options())
	if err == nil {
		err = m.core.AbortMultipartUpload(ctx, m.kind.Bucket, key, id)
	}
	if err != nil {
		return false, m.explain(fmt.Errorf("try an upload to the bucket %s: %w", m.kind.Bucket, err))
	}
	return m.kind.Lock == 0, nil
}
