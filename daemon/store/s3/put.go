//go:build unix

package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"time"

	"github.com/minio/minio-go/v7"

	"tacet/daemon/health"
	"tacet/daemon/store"
)

const (
	// partSize is the most that is sent again after an interruption. Smaller recordings are sent
	// whole. An hour of recording is two or three parts.
	partSize = 8 << 20
	// maxParts is S3's own limit; a recording of more than 80 GB has larger parts.
	maxParts = 10_000
	// parallel is how many parts are sent at a time.
	parallel = 3
)

// Put makes an object of from's size bytes, or resumes making it. The bytes must be the same each
// time.
func (m *medium) Put(ctx context.Context, name string, from io.ReaderAt, size int64) error {
	key, err := m.key("put", name)
	if err != nil {
		return err
	}
	ctx, done := m.withAbort(ctx)
	defer done()
	if err = m.put(ctx, key, from, size); exists(err) {
		err = fs.ErrExist
	}
	if err != nil {
		return m.explain(&fs.PathError{Op: "put", Path: name, Err: err})
	}
	return nil
}

func (m *medium) put(ctx context.Context, key string, from io.ReaderAt, size int64) error {
	// A server without conditions would overwrite. And an object that exists need not be sent.
	if err := m.checkFree(ctx, key); err != nil {
		return err
	}
	if err := m.checkLock(ctx, key); err != nil {
		return err
	}
	if size > partSize && !m.quirks.has(lacksParts) {
		if err := m.inParts(ctx, key, from, size); !errors.Is(err, errNoParts) {
			return err
		}
	}
	return m.putWhole(ctx, key, from, size)
}

// checkLock checks once that the bucket accepts a lock, before an object is made: some servers
// refuse the lock but keep the object without it.
func (m *medium) checkLock(ctx context.Context, key string) error {
	if m.kind.Lock == 0 || m.quirks.locks() {
		return nil
	}
	u, err := m.start(ctx, key, nil, 0, nil)
	if err != nil {
		return err
	}
	u.abort(ctx)
	m.quirks.locked()
	return nil
}

// checkFree returns fs.ErrExist if an object has the name.
func (m *medium) checkFree(ctx context.Context, key string) error {
	_, err := m.core.StatObject(ctx, m.kind.Bucket, key, minio.StatObjectOptions{})
	if answer, ok := answered(err); ok &&
		(answer.StatusCode == http.StatusMethodNotAllowed || answer.StatusCode == http.StatusNotImplemented) {
		var body io.ReadCloser
		if body, _, _, err = m.core.GetObject(ctx, m.kind.Bucket, key, minio.GetObjectOptions{}); err == nil {
			body.Close()
		}
	}
	switch {
	case err == nil:
		return fs.ErrExist
	case missing(err):
		return nil
	}
	return err
}

// maxWhole is S3's own limit for an object that is sent whole.
const maxWhole = 5 << 30

// putWhole puts an object in one piece, in the best manner that the server accepts.
func (m *medium) putWhole(ctx context.Context, key string, from io.ReaderAt, size int64) error {
	if size > maxWhole {
		return &store.Trouble{Code: health.StoreError,
			Err: fmt.Errorf("the recording has %d MB, but the S3 server %s has no multipart uploads, and accepts at most %d "+
				"MB at once; "+
				"make recordings shorter with [consent] max", size>>20, m.kind.Endpoint, int64(maxWhole)>>20)}
	}
	part, err := newPart(1, from, 0, size)
	if err != nil {
		return err
	}
	var refusal error
	for i, how := range m.quirks.manners() {
		if how.noCondition && i > 0 { // time has passed since the last check
			if err := m.checkFree(ctx, key); err != nil {
				return err
			}
		}
		options := m.options(how)
		md5 := ""
		if how.noSum {
			md5 = part.md5Base64()
		} else {
			options.UserMetadata = map[string]string{checksumHeader: part.base64()}
		}
		_, err := m.core.PutObject(ctx, m.kind.Bucket, key, part.reader(), size, md5, part.hex(), options)
		if !refuses(err) {
			m.quirks.learn(how, refusal)
			return err
		}
		if refusal == nil {
			refusal = err
		}
	}
	return m.refused(ctx, key, refusal)
}

// refused returns the error for an upload that a server refused in every manner. A lock is never
// left out, so it tries whether that is the reason.
func (m *medium) refused(ctx context.Context, key string, refusal error) error {
	if m.kind.Lock > 0 {
		id, err := m.core.NewMultipartUpload(ctx, m.kind.Bucket, key, minio.PutObjectOptions{})
		if err == nil {
			_ = m.core.AbortMultipartUpload(ctx, m.kind.Bucket, key, id)
			return &store.Trouble{Code: health.StoreError,
				Err: fmt.Errorf("the S3 server refuses an upload with a lock, but accepts one without: the bucket %s may have "+
					"been made "+
					"without object lock, or the server has none; make a bucket with it, or set lock to \"0d\": %w", m.kind.Bucket,
					refusal)}
		}
	}
	return &store.Trouble{Code: health.StoreError,
		Err: fmt.Errorf("the S3 server %s refuses the upload in every manner tried, also without a condition "+
			"(If-None-Match) "+
			"and with an MD5 instead of a SHA-256; it said %q: %w", m.kind.Endpoint, words(refusal), refusal)}
}

const checksumHeader = "X-Amz-Checksum-Sha256"

// options returns the options of an object that is made once and, if configured, locked.
func (m *medium) options(how manner) minio.PutObjectOptions {
	options := onlyOnce(how)
	if m.kind.Lock > 0 {
		options.Mode = minio.Governance
		options.RetainUntilDate = time.Now().Add(m.kind.Lock)
	}
	return options
}

// onlyOnce returns options that make a request fail if the object exists, unless how has no
// condition.
func onlyOnce(how manner) minio.PutObjectOptions {
	options := minio.PutObjectOptions{DisableContentSha256: true} // the checksum is given, so chunks need no signatures
	if !how.noCondition {
		options.SetMatchETagExcept("*")
	}
	return options
}
