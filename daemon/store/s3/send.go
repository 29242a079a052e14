//go:build unix

package s3

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/minio/minio-go/v7"
)

// send uploads the missing parts, some in parallel. It returns the first error, once all have
// ended.
func (u *upload) send(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	numbers := make(chan int)
	var workers sync.WaitGroup
	for range parallel {
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
	noSum := u.quirks.has(lacksSum)
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

// complete makes the object from its parts, unless the name exists. Some servers require each
// part's checksum although they have not returned it.
func (u *upload) complete(ctx context.Context) error {
	theirs, ours := u.parts(false), u.parts(true)
	var refusal error
	for _, how := range u.quirks.manners() {
		if how.noSum != u.quirks.has(lacksSum) { // the parts were sent in one way
			continue
		}
		for _, parts := range [][]minio.CompletePart{theirs, ours} {
			if refusal != nil && how.noCondition { // time has passed since the last check
				if err := u.checkFree(ctx, u.key); err != nil {
					return err
				}
			}
			_, err := u.core.CompleteMultipartUpload(ctx, u.kind.Bucket, u.key, u.id, parts, onlyOnce(how))
			if !refuses(err) {
				if err == nil && how.noCondition {
					u.quirks.learn(manner{noCondition: true}, refusal)
				}
				return err
			}
			if refusal == nil {
				refusal = err
			}
			if slices.Equal(theirs, ours) {
				break
			}
		}
	}
	return refusal
}

// parts returns the parts that the server has, in order. With ours it fills in missing checksums.
func (u *upload) parts(ours bool) (all []minio.CompletePart) {
	for _, p := range u.have {
		if ours && p.ChecksumSHA256 == "" && !u.quirks.has(lacksSum) {
			if known, err := u.part(p.PartNumber); err == nil {
				p.ChecksumSHA256 = known.base64()
			}
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b minio.CompletePart) int { return a.PartNumber - b.PartNumber })
	return all
}
