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

// medium is a bucket that was reached.
type medium struct {
	kind      Kind
	learnt    *Learnt
	core      *minio.Core
	transport *http.Transport
	clock     clock
	ctx       context.Context // ends with Abort
	cancel    context.CancelFunc
}

var _ store.Bucket = (*medium)(nil)

func (m *medium) ID() string { return m.kind.Endpoint + "/" + m.kind.Bucket + "/" + m.kind.Prefix }

// Check knows what the failure tells: no connection stands between two requests.
func (m *medium) Check(cause error) error {
	if m.ctx.Err() != nil {
		return &store.Trouble{Code: health.StoreMissing, Err: errors.New("the S3 server was given up")}
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

// during is ctx, ended also by Abort. done must be called.
func (m *medium) during(ctx context.Context) (joint context.Context, done func()) {
	joint, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(m.ctx, cancel)
	return joint, func() { stop(); cancel() }
}

// key is the object's name in the bucket.
func (m *medium) key(op, name string) (string, error) {
	if !fs.ValidPath(name) || name == "." {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return m.kind.Prefix + name, nil
}

// Get streams an object back. Its end before size bytes is an error.
func (m *medium) Get(ctx context.Context, name string) (io.ReadCloser, int64, error) {
	key, err := m.key("get", name)
	if err != nil {
		return nil, 0, err
	}
	ctx, done := m.during(ctx)
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

// object is one that is being read.
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
