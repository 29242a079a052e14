//go:build unix

package s3

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/minio/minio-go/v7"
)

const (
	// partSize is what at most is sent again after an interruption, and the size of what goes up as a whole. An hour of
	// recording is two or three parts.
	partSize = 8 << 20
	// maxParts is S3's own bound; a recording of more than 80 GB has larger parts.
	maxParts = 10_000
	// atOnce parts are under way at once.
	atOnce = 3
)

// Put makes an object of from's size bytes, or goes on making it. Whoever calls must give the same bytes each time.
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
	switch _, err := m.core.StatObject(ctx, m.kind.Bucket, key, minio.StatObjectOptions{}); {
	case err == nil:
		return fs.ErrExist
	case !missing(err):
		return err
	}
	if size > partSize {
		return m.inParts(ctx, key, from, size)
	}
	part, err := newPart(1, from, 0, size)
	if err != nil {
		return err
	}
	options := m.options()
	options.UserMetadata = map[string]string{checksumHeader: part.base64()}
	_, err = m.core.PutObject(ctx, m.kind.Bucket, key, part.reader(), size, "", part.hex(), options)
	return err
}

const checksumHeader = "X-Amz-Checksum-Sha256"

// options are those of an object that is made once and, perhaps, locked.
func (m *medium) options() minio.PutObjectOptions {
	options := onlyOnce()
	if m.kind.Lock > 0 {
		options.Mode = minio.Governance
		options.RetainUntilDate = time.Now().Add(m.kind.Lock)
	}
	return options
}

// onlyOnce makes a request fail where there is such an object.
func onlyOnce() minio.PutObjectOptions {
	options := minio.PutObjectOptions{DisableContentSha256: true} // the sum is given: no signature in each chunk
	options.SetMatchETagExcept("*")
	return options
}

// part is a stretch of a recording, and its sum.
type part struct {
	number int // from 1
	from   io.ReaderAt
	at     int64
	size   int64
	sum    [sha256.Size]byte
}

// newPart reads the stretch to sum it up. It is read a second time when it is sent, which costs less than holding it.
func newPart(number int, from io.ReaderAt, at, size int64) (*part, error) {
	p := &part{number: number, from: from, at: at, size: size}
	hash := sha256.New()
	n, err := io.Copy(hash, p.reader())
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, &readError{at + n, err}
	}
	hash.Sum(p.sum[:0])
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
