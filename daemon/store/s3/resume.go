//go:build unix

package s3

import (
	"context"
	"io"

	"github.com/minio/minio-go/v7"
)

// maxTries limits how many unfinished uploads of one object are compared. There is more than one
// only if an answer was lost.
const maxTries = 20

// unfinished returns the upload of key with most of the parts, and aborts the others. It returns
// nil if there is none.
func (m *medium) unfinished(ctx context.Context, key string, from io.ReaderAt, size int64,
	known *sums) (*upload, error) {
	if m.quirks.has(lacksList) {
		return nil, nil
	}
	list, err := m.core.ListMultipartUploads(ctx, m.kind.Bucket, key, "", "", "", maxTries)
	if refuses(err) {
		m.quirks.note(lacksList, err)
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
			m.quirks.note(lacksList, err)
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

// partsAtOnce is how many parts are listed in one answer.
const partsAtOnce = 500

// look lists the parts that the server has, and keeps those that are the same as ours. It stops
// when an answer has nothing new.
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
		for _, theirs := range list.ObjectParts {
			if theirs.PartNumber < 1 || theirs.PartNumber > u.count() || seen[theirs.PartNumber] {
				continue
			}
			seen[theirs.PartNumber] = true
			ours, err := u.part(theirs.PartNumber)
			if err != nil {
				return err
			}
			if ours.same(theirs) {
				u.have[theirs.PartNumber] = minio.CompletePart{PartNumber: theirs.PartNumber, ETag: theirs.ETag,
					ChecksumSHA256: theirs.ChecksumSHA256}
			}
		}
		if !list.IsTruncated || list.NextPartNumberMarker <= marker || len(seen) == before {
			return nil
		}
		marker = list.NextPartNumberMarker
	}
}
