//go:build unix

package s3

import (
	"context"
	"errors"
	"io"
	"io/fs"
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
	sums *sums

	mu   sync.Mutex
	have map[int]minio.CompletePart // by number; guarded by mu while parts are sent
}

// sums are the parts of one recording whose sums are known: it is not read again for each upload
// that is compared with it.
type sums struct {
	mu    sync.Mutex
	parts map[int]*part // guarded by mu
}

// errNoParts says that the server takes no uploads in parts.
var errNoParts = errors.New("the server takes no uploads in parts")

// each is the size of a part of an object of size bytes, but for the last.
func each(size int64) int64 {
	return max(partSize, (size+maxParts-1)/maxParts)
}

// count is the number of parts.
func (u *upload) count() int { return int((u.size + each(u.size) - 1) / each(u.size)) }

// part reads and sums up the part with that number.
func (u *upload) part(number int) (*part, error) {
	u.sums.mu.Lock()
	known := u.sums.parts[number]
	u.sums.mu.Unlock()
	if known != nil {
		return known, nil
	}
	at := int64(number-1) * each(u.size)
	p, err := newPart(number, u.from, at, min(each(u.size), u.size-at))
	if err == nil {
		u.sums.mu.Lock()
		defer u.sums.mu.Unlock()
		u.sums.parts[number] = p
	}
	return p, err
}

// upload is one of key that has no parts yet, as far as is known.
func (m *medium) upload(key, id string, from io.ReaderAt, size int64, known *sums) *upload {
	return &upload{medium: m, key: key, id: id, from: from, size: size, sums: known, have: map[int]minio.CompletePart{}}
}

// inParts goes on with an upload that was interrupted, or starts one, and finishes it.
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
	if useless(err) || err != nil && m.learnt.has(lacksList) { // nobody would find it again
		u.abort(ctx)
	}
	return err
}

// sent sends what is missing of an upload. Where the server turns out to refuse the parts' sums, it
// is another upload that was started without.
func (u *upload) sent(ctx context.Context) (*upload, error) {
	refusal := u.send(ctx)
	if !refuses(refusal) {
		return u, refusal
	}
	if u.learnt.has(lacksSum) {
		return u, u.unwanted(ctx, u.key, refusal)
	}
	u.learnt.note(lacksSum, refusal)
	u.abort(ctx)
	again, err := u.start(ctx, u.key, u.from, u.size, u.sums)
	if err == nil {
		u, err = again, again.send(ctx)
	}
	if refuses(err) { // it was not the sum
		u.learnt.forget(lacksSum)
		err = u.unwanted(ctx, u.key, refusal)
	}
	return u, err
}

// start starts an upload, in the best manner that the server takes.
func (m *medium) start(ctx context.Context, key string, from io.ReaderAt, size int64, known *sums) (*upload, error) {
	var refusal error
	for _, how := range m.learnt.manners() {
		if how.noCondition != m.learnt.has(lacksCondition) { // it plays no part here
			continue
		}
		options := m.options(manner{noCondition: true})
		if !how.noSum {
			options.UserMetadata = map[string]string{"X-Amz-Checksum-Algorithm": "SHA256"}
		}
		id, err := m.core.NewMultipartUpload(ctx, m.kind.Bucket, key, options)
		if !refuses(err) {
			if err == nil {
				m.learnt.learn(manner{noSum: how.noSum}, refusal)
			}
			return m.upload(key, id, from, size, known), err
		}
		if refusal == nil {
			refusal = err
		}
	}
	if m.kind.Lock > 0 {
		return nil, m.unwanted(ctx, key, refusal)
	}
	m.learnt.note(lacksParts, refusal)
	return nil, errNoParts
}

// useless tells the answers after which an upload is not worth going on with: somebody else made
// the object, or the server finds something wrong with the upload itself. After any other failure
// it stays, for the next try.
func useless(err error) bool {
	if errors.Is(err, fs.ErrExist) {
		return true
	}
	answer, ok := answered(err)
	return ok && (answer.StatusCode == http.StatusPreconditionFailed ||
		answer.StatusCode == http.StatusBadRequest && answer.Code != "RequestTimeout")
}

// abort is only tidier: what stays is aborted by the next Put, or by the bucket's rule.
func (u *upload) abort(ctx context.Context) {
	_ = u.core.AbortMultipartUpload(ctx, u.kind.Bucket, u.key, u.id)
}

// maxTries bounds how many unfinished uploads of one object are looked at: there are more than one
// only where an answer was lost.
const maxTries = 20

// unfinished finds the upload of key that has most of what is to be sent, and aborts the others;
// nil: there is none.
func (m *medium) unfinished(ctx context.Context, key string, from io.ReaderAt, size int64,
	known *sums) (*upload, error) {
	if m.learnt.has(lacksList) {
		return nil, nil
	}
	list, err := m.core.ListMultipartUploads(ctx, m.kind.Bucket, key, "", "", "", maxTries)
	if refuses(err) {
		m.learnt.note(lacksList, err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var best *upload
	for _, one := range list.Uploads[:min(len(list.Uploads), maxTries)] {
		if one.Key != key {
			continue
		}
		u := m.upload(key, one.UploadID, from, size, known)
		err := u.look(ctx)
		if refuses(err) {
			m.learnt.note(lacksList, err)
			u.abort(ctx)
			continue
		}
		if err != nil {
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

// partsAtOnce are listed in one answer.
const partsAtOnce = 500

// look asks which parts the server has, and keeps those that are the same as ours. It asks on as
// long as it learns something.
func (u *upload) look(ctx context.Context) error {
	seen := map[int]bool{}
	for marker := 0; ; {
		list, err := u.core.ListObjectParts(ctx, u.kind.Bucket, u.key, u.id, marker, partsAtOnce)
		if err != nil {
			if answer, ok := answered(err); ok && answer.Code == "NoSuchUpload" { // ended meanwhile
				return nil
			}
			return err
		}
		before := len(seen)
		for _, there := range list.ObjectParts {
			if there.PartNumber < 1 || there.PartNumber > u.count() || seen[there.PartNumber] {
				continue
			}
			seen[there.PartNumber] = true
			ours, err := u.part(there.PartNumber)
			if err != nil {
				return err
			}
			if ours.same(there) {
				u.have[there.PartNumber] = minio.CompletePart{PartNumber: there.PartNumber, ETag: there.ETag,
					ChecksumSHA256: there.ChecksumSHA256}
			}
		}
		if !list.IsTruncated || list.NextPartNumberMarker <= marker || len(seen) == before {
			return nil
		}
		marker = list.NextPartNumberMarker
	}
}

// same compares a part with what the server tells of its own: the SHA-256 or, from servers that
// keep none, the MD5.
func (p *part) same(there minio.ObjectPart) bool {
	if there.Size != p.size {
		return false
	}
	if there.ChecksumSHA256 != "" {
		return there.ChecksumSHA256 == p.base64()
	}
	return there.ETag == p.md5Hex()
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
	noSum := u.learnt.has(lacksSum)
	options := minio.PutObjectPartOptions{Sha256Hex: p.hex(), DisableContentSha256: true}
	if noSum {
		options.Md5Base64 = p.md5Base64()
	} else {
		options.CustomHeader = http.Header{checksumHeader: {p.base64()}}
	}
	sent, err := u.core.PutObjectPart(ctx, u.kind.Bucket, u.key, u.id, p.number, p.reader(), p.size, options)
	if err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.have[number] = minio.CompletePart{PartNumber: number, ETag: sent.ETag, ChecksumSHA256: sent.ChecksumSHA256}
	return nil
}

// complete makes the object of its parts, unless there is one. Some servers want to be given each
// part's sum though they have not told it.
func (u *upload) complete(ctx context.Context) error {
	told, ours := u.parts(false), u.parts(true)
	var refusal error
	for _, how := range u.learnt.manners() {
		if how.noSum != u.learnt.has(lacksSum) { // it has been decided
			continue
		}
		for _, parts := range [][]minio.CompletePart{told, ours} {
			if refusal != nil && how.noCondition { // time has passed since it was looked for
				if err := u.free(ctx, u.key); err != nil {
					return err
				}
			}
			_, err := u.core.CompleteMultipartUpload(ctx, u.kind.Bucket, u.key, u.id, parts, onlyOnce(how))
			if !refuses(err) {
				if err == nil && how.noCondition {
					u.learnt.learn(manner{noCondition: true}, refusal)
				}
				return err
			}
			if refusal == nil {
				refusal = err
			}
			if slices.Equal(told, ours) {
				break
			}
		}
	}
	return refusal
}

// parts are those that the server has, in order; with our own sums of those of which it told none.
func (u *upload) parts(ours bool) (all []minio.CompletePart) {
	for _, p := range u.have {
		if ours && p.ChecksumSHA256 == "" && !u.learnt.has(lacksSum) {
			if known, err := u.part(p.PartNumber); err == nil {
				p.ChecksumSHA256 = known.base64()
			}
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b minio.CompletePart) int { return a.PartNumber - b.PartNumber })
	return all
}
