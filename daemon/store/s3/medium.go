//go:build unix

package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"

	"github.com/minio/minio-go/v7"

	"tacet/daemon/health"
	"tacet/daemon/store"
)

// medium is an open bucket.
type medium struct {
	kind      Kind
	quirks    *Quirks
	core      *minio.Core
	transport *http.Transport
	clock     clock
	ctx       context.Context // ends with Abort
	cancel    context.CancelFunc
}

var _ store.Bucket = (*medium)(nil)

func (m *medium) ID() string { return m.kind.Endpoint + "/" + m.kind.Bucket + "/" + m.kind.Prefix }

// Check only explains cause: between requests there is no connection to check.
func (m *medium) Check(cause error) error {
	if m.ctx.Err() != nil {
		return &store.Trouble{Code: health.StoreMissing, Err: errors.New("the connection to the S3 server was aborted")}
	}
	if t := (*store.Trouble)(nil); errors.As(m.explain(cause), &t) {
		return t
	}
	return nil
}

func (m *medium) Abort() { m.cancel() }

func (m *medium) Close() error {
	m.cancel()
	m.transport.CloseIdleConnections()
	return nil
}

// withAbort returns a context that also ends with Abort. The caller must call done.
func (m *medium) withAbort(ctx context.Context) (joint context.Context, done func()) {
	joint, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(m.ctx, cancel)
	return joint, func() { stop(); cancel() }
}

// key returns the object's name in the bucket.
func (m *medium) key(op, name string) (string, error) {
	if !fs.ValidPath(name) || name == "." {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return m.kind.Prefix + name, nil
}

// Get opens an object. Reading fails if it ends before size bytes.
func (m *medium) Get(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	key, err := m.key("get", name)
	if err != nil {
		return nil, 0, err
	}
	ctx, done := m.withAbort(ctx)
	body, info, _, err := m.core.GetObject(ctx, m.kind.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		done()
		if missing(err) {
			err = fs.ErrNotExist
		}
		return nil, 0, m.explain(&fs.PathError{Op: "get", Path: name, Err: err})
	}
	return &object{body, m, name, done}, info.Size, nil
}

// object is an object that is being read.
type object struct {
	io.ReadCloser
	m    *medium
	name string
	done func()
}

func (o *object) Read(p []byte) (int, error) {
	n, err := o.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = o.m.explain(fmt.Errorf("read %s: %w", o.name, err))
	}
	return n, err
}

func (o *object) Close() error {
	o.done()
	return o.ReadCloser.Close()
}
