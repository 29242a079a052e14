//go:build unix

package s3

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/minio/minio-go/v7"
)

// part is a part of a recording, with its checksums.
type part struct {
	number int // from 1
	from   io.ReaderAt
	at     int64
	size   int64
	sum    [sha256.Size]byte
	md5    [md5.Size]byte // for servers that refuse SHA-256
}

// newPart reads a part to compute its checksums. It is read again when it is sent, which costs less
// than keeping it in memory.
func newPart(number int, from io.ReaderAt, at, size int64) (*part, error) {
	p := &part{number: number, from: from, at: at, size: size}
	hash, md := sha256.New(), md5.New()
	n, err := io.Copy(io.MultiWriter(hash, md), p.reader())
	if err == nil && n < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, &readError{at + n, err}
	}
	hash.Sum(p.sum[:0])
	md.Sum(p.md5[:0])
	return p, nil
}

// readError is a failure of this machine's disk, not the server.
type readError struct {
	at  int64
	err error
}

func (e *readError) Error() string { return fmt.Sprintf("read the recording at %d: %v", e.at, e.err) }
func (e *readError) Unwrap() error { return e.err }

// reader returns a reader that can't seek, so that the library doesn't retry.
func (p *part) reader() io.Reader {
	return &partReader{io.NewSectionReader(p.from, p.at, p.size), p.at}
}

type partReader struct {
	section *io.SectionReader
	at      int64
}

func (s *partReader) Read(b []byte) (int, error) {
	n, err := s.section.Read(b)
	s.at += int64(n)
	if err != nil && err != io.EOF {
		err = &readError{s.at, err}
	}
	return n, err
}

func (p *part) hex() string    { return hex.EncodeToString(p.sum[:]) }
func (p *part) base64() string { return base64.StdEncoding.EncodeToString(p.sum[:]) }

func (p *part) md5Hex() string    { return hex.EncodeToString(p.md5[:]) }
func (p *part) md5Base64() string { return base64.StdEncoding.EncodeToString(p.md5[:]) }

// same reports whether the server's part has the same size and SHA-256 or, from servers without
// that, MD5.
func (p *part) same(theirs minio.ObjectPart) bool {
	if theirs.Size != p.size {
		return false
	}
	if theirs.ChecksumSHA256 != "" {
		return theirs.ChecksumSHA256 == p.base64()
	}
	return theirs.ETag == p.md5Hex()
}
