//go:build unix

package s3

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/minio/minio-go/v7"
)

// upload is an object that is being made of parts.
type upload struct {
	*medium
	key  string
	id   string
	from io.ReaderAt
	size int64

	mu   sync.Mutex
	have map[int]minio.CompletePart // by number; guarded by mu while parts are sent
}

// each is the size of a part of an object of size bytes, but for the last.
func each(size int64) int64 {
	return max(partSize, (size+maxParts-1)/maxParts)
}

// count is the number of parts.
func (u *upload) count() int { return int((u.size + each(u.size) - 1) / each(u.size)) }

// part reads and sums up the part with that number.
func (u *upload) part(number int) (*part, error) {
	at := int64(number-1) * each(u.size)
	return newPart(number, u.from, at, min(each(u.size), u.size-at))
}

// inParts goes on with an upload that was interrupted, or begins one, and finishes it.
func (m *medium) inParts(ctx context.Context, key string, from io.ReaderAt, size int64) error {
	u, err := m.unfinished(ctx, key, from, size)
	if err != nil {
		return err
	}
	if u == nil {
		options := m.options()
		options.UserMetadata = map[string]string{"X-Amz-Checksum-Algorithm": "SHA256"}
		id, err := m.core.NewMultipartUpload(ctx, m.kind.Bucket, key, options)
		if err != nil {
			return err
		}
		u = &upload{medium: m, key: key, id: id, from: from, size: size, have: map[int]minio.CompletePart{}}
	}
	if err = u.send(ctx); err == nil {
		err = u.complete(ctx)
	}
	if useless(err) {
		u.abort(ctx)
	}
	return err
}

// useless tells the answers after which an upload is not worth going on with: somebody else made the object, or the server finds
// something wrong with the upload itself. After any other failure it stays, for the next try.
func useless(err error) bool {
	answer, ok := answered(err)
	return ok && (answer.StatusCode == http.StatusPreconditionFailed ||
		answer.StatusCode == http.StatusBadRequest && answer.Code != "RequestTimeout")
}

// abort is only tidier: what stays is aborted by the next Put, or by the bucket's rule.
func (u *upload) abort(ctx context.Context) {
	_ = u.core.AbortMultipartUpload(ctx, u.kind.Bucket, u.key, u.id)
}

// maxTries bounds how many unfinished uploads of one object are looked at: there are more than one only where an answer was lost.
const maxTries = 20

// unfinished finds the upload of key that has most of what is to be sent, and aborts the others; nil: there is none.
func (m *medium) unfinished(ctx context.Context, key string, from io.ReaderAt, size int64) (*upload, error) {
	list, err := m.core.ListMultipartUploads(ctx, m.kind.Bucket, key, "", "", "", maxTries)
	if err != nil {
		return nil, err
	}
	var best *upload
	for _, one := range list.Uploads {
		if one.Key != key {
			continue
		}
		u := &upload{medium: m, key: key, id: one.UploadID, from: from, size: size, have: map[int]minio.CompletePart{}}
		if err := u.look(ctx); err != nil {
			return nil, err
		}
		worse := u
		if best == nil || len(u.have) > len(best.have) {
			best, worse = u, best
		}
		if worse != nil {
			worse.abort(ctx)
		}
	}
	return best, nil
}

// look asks which parts the server has, and keeps those that are the same as ours.
func (u *upload) look(ctx context.Context) error {
	for marker := 0; ; {
		list, err := u.core.ListObjectParts(ctx, u.kind.Bucket, u.key, u.id, marker, 1000)
		if err != nil {
			if answer, ok := answered(err); ok && answer.Code == "NoSuchUpload" { // ended meanwhile
				return nil
			}
			return err
		}
		for _, there := range list.ObjectParts {
			if there.PartNumber < 1 || there.PartNumber > u.count() || u.have[there.PartNumber].PartNumber != 0 {
				continue
			}
			ours, err := u.part(there.PartNumber)
			if err != nil {
				return err
			}
			if ours.same(there) {
				u.have[there.PartNumber] = minio.CompletePart{PartNumber: there.PartNumber, ETag: there.ETag, ChecksumSHA256: there.ChecksumSHA256}
			}
		}
		if !list.IsTruncated || list.NextPartNumberMarker <= marker {
			return nil
		}
		marker = list.NextPartNumberMarker
	}
}

// same compares a part with what the server tells of its own: the SHA-256 or, from servers that keep none, the MD5.
func (p *part) same(there minio.ObjectPart) bool {
	if there.Size != p.size {
		return false
	}
	if there.ChecksumSHA256 != "" {
		return there.ChecksumSHA256 == p.base64()
	}
	hash := md5.New()
	if _, err := io.Copy(hash, p.reader()); err != nil {
		return false
	}
	return there.ETag == hex.EncodeToString(hash.Sum(nil))
}

// send uploads the missing parts, some at once. It returns the first failure, when all have ended.
func (u *upload) send(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for number := range numbers {
				if err := u.sendPart(ctx, number); err != nil {
					cancel(err) // the first is kept
				}
			}
		})
	}
	for number := 1; number <= u.count() && ctx.Err() == nil; number++ {
		u.mu.Lock()
		_, there := u.have[number]
		u.mu.Unlock()
		if there {
			continue
		}
		select {
		case numbers <- number:
		case <-ctx.Done():
		}
	}
	close(numbers)
	workers.Wait()
	return context.Cause(ctx)
}

func (u *upload) sendPart(ctx context.Context, number int) error {
	p, err := u.part(number)
	if err != nil {
		return err
	}
	sent, err := u.core.PutObjectPart(ctx, u.kind.Bucket, u.key, u.id, number, p.reader(), p.size, minio.PutObjectPartOptions{
		Sha256Hex:            p.hex(),
		CustomHeader:         http.Header{checksumHeader: {p.base64()}},
		DisableContentSha256: true,
	})
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.have[number] = minio.CompletePart{PartNumber: number, ETag: sent.ETag, ChecksumSHA256: sent.ChecksumSHA256}
	return nil
}

// complete makes the object of its parts, unless there is one.
func (u *upload) complete(ctx context.Context) error {
	var parts []minio.CompletePart
	for _, p := range u.have {
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b minio.CompletePart) int { return a.PartNumber - b.PartNumber })
	_, err := u.core.CompleteMultipartUpload(ctx, u.kind.Bucket, u.key, u.id, parts, onlyOnce())
	return err
}
