//go:build unix

package s3

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"sync"

	"github.com/minio/minio-go/v7"
)

// upload is a multipart upload of an object.
type upload struct {
	*medium
	key  string
	id   string
	from io.ReaderAt
	size int64
	sums *sums

	mu   sync.Mutex
	have map[int]minio.CompletePart // what the server has, by number; guarded by mu while parts are sent
}

// sums caches the checksums of one recording's parts, so that it isn't read again for each upload
// that is compared with it.
type sums struct {
	mu    sync.Mutex
	parts map[int]*part // guarded by mu
}

// errNoParts says that the server has no multipart uploads.
var errNoParts = errors.New("the server has no multipart uploads")

// partLength returns the size of each part but the last, for an object of size bytes.
func partLength(size int64) int64 {
	return max(partSize, (size+maxParts-1)/maxParts)
}

// count returns the number of parts.
func (u *upload) count() int { return int((u.size + partLength(u.size) - 1) / partLength(u.size)) }

// part returns a part with its checksums.
func (u *upload) part(number int) (*part, error) {
	u.sums.mu.Lock()
	known := u.sums.parts[number]
	u.sums.mu.Unlock()
	if known != nil {
		return known, nil
	}
	at := int64(number-1) * partLength(u.size)
	p, err := newPart(number, u.from, at, min(partLength(u.size), u.size-at))
	if err == nil {
		u.sums.mu.Lock()
		defer u.sums.mu.Unlock()
		u.sums.parts[number] = p
	}
	return p, err
}

// upload returns an upload of key without any parts so far.
func (m *medium) upload(key, id string, from io.ReaderAt, size int64, known *sums) *upload {
	return &upload{medium: m, key: key, id: id, from: from, size: size, sums: known, have: map[int]minio.CompletePart{}}
}

// inParts resumes an interrupted upload, or starts one, and completes it.
func (m *medium) inParts(ctx context.Context, key string, from io.ReaderAt, size int64) error {
	known := &sums{parts: map[int]*part{}}
	u, err := m.unfinished(ctx, key, from, size, known)
	if err == nil && u == nil {
		u, err = m.start(ctx, key, from, size, known)
	}
	if err != nil {
		return err
	}
	if u, err = u.sent(ctx); err == nil {
		err = u.complete(ctx)
	}
	if isFinal(err) || err != nil && m.quirks.has(lacksList) { // it could not be found again
		u.abort(ctx)
	}
	return err
}

// sent sends the missing parts. If the server refuses their checksums, it starts another upload
// without checksums, and returns that.
func (u *upload) sent(ctx context.Context) (*upload, error) {
	refusal := u.send(ctx)
	if !refuses(refusal) {
		return u, refusal
	}
	if u.quirks.has(lacksSum) {
		return u, u.refused(ctx, u.key, refusal)
	}
	u.quirks.note(lacksSum, refusal)
	u.abort(ctx)
	again, err := u.start(ctx, u.key, u.from, u.size, u.sums)
	if err == nil {
		u, err = again, again.send(ctx)
	}
	if refuses(err) { // it was not the checksum
		u.quirks.forget(lacksSum)
		err = u.refused(ctx, u.key, refusal)
	}
	return u, err
}

// start starts an upload, in the best manner that the server accepts.
func (m *medium) start(ctx context.Context, key string, from io.ReaderAt, size int64, known *sums) (*upload, error) {
	var refusal error
	for _, how := range m.quirks.manners() {
		if how.noCondition != m.quirks.has(lacksCondition) { // starting takes no condition
			continue
		}
		options := m.options(manner{noCondition: true})
		if !how.noSum {
			options.UserMetadata = map[string]string{"X-Amz-Checksum-Algorithm": "SHA256"}
		}
		id, err := m.core.NewMultipartUpload(ctx, m.kind.Bucket, key, options)
		if !refuses(err) {
			if err == nil {
				m.quirks.learn(manner{noSum: how.noSum}, refusal)
			}
			return m.upload(key, id, from, size, known), err
		}
		if refusal == nil {
			refusal = err
		}
	}
	if m.kind.Lock > 0 {
		return nil, m.refused(ctx, key, refusal)
	}
	m.quirks.note(lacksParts, refusal)
	return nil, errNoParts
}

// isFinal reports whether an error means that an upload isn't worth resuming: somebody else made
// the object, or the server finds something wrong with the upload itself. After any other error it
// stays, for the next try.
func isFinal(err error) bool {
	if errors.Is(err, fs.ErrExist) {
		return true
	}
	answer, ok := answered(err)
	return ok && (answer.StatusCode == http.StatusPreconditionFailed ||
		answer.StatusCode == http.StatusBadRequest && answer.Code != "RequestTimeout")
}

// abort aborts the upload. If that fails, the next Put or the bucket's lifecycle rule will.
func (u *upload) abort(ctx context.Context) {
	_ = u.core.AbortMultipartUpload(ctx, u.kind.Bucket, u.key, u.id)
}
