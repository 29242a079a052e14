//go:build unix

package s3

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
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
	// partSize is what at most is sent again after an interruption, and the size of what goes up as
	// a whole. An hour of recording is two or three parts.
	partSize = 8 << 20
	// maxParts is S3's own bound; a recording of more than 80 GB has larger parts.
	maxParts = 10_000
	// atOnce parts are under way at once.
	atOnce = 3
)

// Put makes an object of from's size bytes, or goes on making it. Whoever calls must give the same
// bytes each time.
func (m *medium) Put(ctx context.Context, name string, from io.ReaderAt, size int64) error {
	key, err := m.key("put", name)
	if err != nil {
		return err
	}
	ctx, done := m.during(ctx)
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
	// A server that knows no conditions would overwrite; and what exists need not be sent.
	if err := m.free(ctx, key); err != nil {
		return err
	}
	if err := m.mayLock(ctx, key); err != nil {
		return err
	}
	if size > partSize && !m.learnt.has(lacksParts) {
		if err := m.inParts(ctx, key, from, size); !errors.Is(err, errNoParts) {
			return err
		}
	}
	return m.whole(ctx, key, from, size)
}

// mayLock sees, once, that the bucket takes a lock, before an object is made: there are servers
// that refuse the lock, and keep the object without it.
func (m *medium) mayLock(ctx context.Context, key string) error {
	if m.kind.Lock == 0 || m.learnt.locks() {
		return nil
	}
	u, err := m.start(ctx, key, nil, 0, nil)
	if err != nil {
		return err
	}
	u.abort(ctx)
	m.learnt.locked()
	return nil
}

// free looks whether a name is free: fs.ErrExist where it is not.
func (m *medium) free(ctx context.Context, key string) error {
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

// mostWhole is S3's own bound for what goes up as a whole.
const mostWhole = 5 << 30

// whole puts an object in one piece, in the best manner that the server takes.
func (m *medium) whole(ctx context.Context, key string, from io.ReaderAt, size int64) error {
	if size > mostWhole {
		return &store.Trouble{Code: health.StoreError,
			Err: fmt.Errorf("the recording has %d MB, the S3 server %s takes no uploads in parts, and as a whole none can have more than %d MB; "+
				"make recordings shorter with [consent] max", size>>20, m.kind.Endpoint, int64(mostWhole)>>20)}
	}
	part, err := newPart(1, from, 0, size)
	if err != nil {
		return err
	}
	var refusal error
	for i, how := range m.learnt.manners() {
		if how.noCondition && i > 0 { // time has passed since it was looked for
			if err := m.free(ctx, key); err != nil {
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
			m.learnt.learn(how, refusal)
			return err
		}
		if refusal == nil {
			refusal = err
		}
	}
	return m.unwanted(ctx, key, refusal)
}

// unwanted is what a server refused in every manner. A lock is never left out: it is tried whether
// that is to blame.
func (m *medium) unwanted(ctx context.Context, key string, refusal error) error {
	if m.kind.Lock > 0 {
		id, err := m.core.NewMultipartUpload(ctx, m.kind.Bucket, key, minio.PutObjectOptions{})
		if err == nil {
			_ = m.core.AbortMultipartUpload(ctx, m.kind.Bucket, key, id)
			return &store.Trouble{Code: health.StoreError,
				Err: fmt.Errorf("the S3 server refuses an upload with a lock, and takes one without: the bucket %s may have been made "+
					"without object lock, or the server has none; make a bucket with it, or set lock to \"0d\": %w", m.kind.Bucket,
					refusal)}
		}
	}
	return &store.Trouble{Code: health.StoreError,
		Err: fmt.Errorf("the S3 server %s refuses the upload in each manner that was tried, also without a condition (If-None-Match) "+
			"and with an MD5 in place of a SHA-256; it said %q: %w", m.kind.Endpoint, words(refusal), refusal)}
}

const checksumHeader = "X-Amz-Checksum-Sha256"

// options are those of an object that is made once and, perhaps, locked.
func (m *medium) options(how manner) minio.PutObjectOptions {
	options := onlyOnce(how)
	if m.kind.Lock > 0 {
		options.Mode = minio.Governance
		options.RetainUntilDate = time.Now().Add(m.kind.Lock)
	}
	return options
}

// onlyOnce makes a request fail where there is such an object, in a manner with a condition.
func onlyOnce(how manner) minio.PutObjectOptions {
	options := minio.PutObjectOptions{DisableContentSha256: true} // the sum is given: no signature in each chunk
	if !how.noCondition {
		options.SetMatchETagExcept("*")
	}
	return options
}

// part is a stretch of a recording, and its sums.
type part struct {
	number int // from 1
	from   io.ReaderAt
	at     int64
	size   int64
	sum    [sha256.Size]byte
	old    [md5.Size]byte // for servers that know nothing better
}

// newPart reads the stretch to sum it up. It is read a second time when it is sent, which costs
// less than holding it.
func newPart(number int, from io.ReaderAt, at, size int64) (*part, error) {
	p := &part{number: number, from: from, at: at, size: size}
	hash, old := sha256.New(), md5.New()
	n, err := io.Copy(io.MultiWriter(hash, old), p.reader())
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, &readError{at + n, err}
	}
	hash.Sum(p.sum[:0])
	old.Sum(p.old[:0])
	return p, nil
}

// readError is a failure of this machine's disk, not of the server.
type readError struct {
	at  int64
	err error
}

func (e *readError) Error() string { return fmt.Sprintf("read the recording at %d: %v", e.at, e.err) }
func (e *readError) Unwrap() error { return e.err }

// reader can't be sought: the library would repeat what failed.
func (p *part) reader() io.Reader { return &stretch{io.NewSectionReader(p.from, p.at, p.size), p.at} }

type stretch struct {
	section *io.SectionReader
	at      int64
}

func (s *stretch) Read(b []byte) (int, error) {
	n, err := s.section.Read(b)
	s.at += int64(n)
	if err != nil && err != io.EOF {
		err = &readError{s.at, err}
	}
	return n, err
}

func (p *part) hex() string    { return hex.EncodeToString(p.sum[:]) }
func (p *part) base64() string { return base64.StdEncoding.EncodeToString(p.sum[:]) }

func (p *part) md5Hex() string    { return hex.EncodeToString(p.old[:]) }
func (p *part) md5Base64() string { return base64.StdEncoding.EncodeToString(p.old[:]) }
