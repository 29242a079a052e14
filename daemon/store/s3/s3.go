//go:build unix

// Package s3 implements stores in a bucket on an S3 server: a vetted cloud, or one's own server for
// many sites.
//
//	kind := s3.Kind{Endpoint: "https://s3.lan:9000", Bucket: "tacet", Prefix: "high-street/",
//		Region: "us-east-1", PathStyle: true, AccessKeyFile: "/etc/tacet/s3_access",
//		SecretKeyFile: "/etc/tacet/s3_secret", CA: "/etc/tacet/ca.pem"}
//
// An object can't grow, so a recording is uploaded once it has ended. The off-site copy lags by the
// length of the recording and of its upload.
//
// Promises:
//
//   - An object that exists is never overwritten: its name is checked first, and the upload is
//     conditional (If-None-Match). With a server that refuses conditions, an object that somebody
//     else makes between check and upload is overwritten; reading back shows which of the two is
//     there.
//   - A recording of more than 8 MiB is uploaded in parts of that size. An interrupted upload is
//     resumed with the missing parts: those on the server are compared, by SHA-256, with what would
//     be sent.
//   - The server gets the SHA-256 of each part, or an MD5 if it refuses that, and refuses a part
//     that arrives damaged.
//   - What a server refuses is left out for a day, if possible, and reported (see [Quirks]):
//     conditions, SHA-256, listing unfinished uploads, multipart uploads. A lock is never left out.
//   - Only the endpoint is dialled: no proxy, no redirection, no service for names, regions or
//     credentials.
//   - Nothing hangs for ever: a connection without progress while something is awaited ends after
//     Stall. Requests are not retried here; the follower does that.
//   - Memory is limited: parts are read from the recording as they are sent, three at a time.
//
// The account needs s3:PutObject, s3:GetObject, s3:ListBucket, s3:ListBucketMultipartUploads,
// s3:ListMultipartUploadParts and s3:AbortMultipartUpload, with a lock also s3:PutObjectRetention;
// not s3:DeleteObject or s3:BypassGovernanceRetention. The bucket should have a lifecycle rule that
// ends incomplete uploads after some weeks: a unit that was taken down leaves its last one.
//
// Lock retains each object for that time from the start of its upload, in governance mode: the
// unit, or a thief of its keys, can't delete it or shorten the time, but an administrator with
// s3:BypassGovernanceRetention can. Compliance mode would bind the practice too, which must be able
// to erase a recording when the patient asks.
package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"tacet/config/textfile"
	"tacet/daemon/health"
	"tacet/daemon/store"
)

// Kind is a configured bucket. It reads its files at each Open, so new keys need no restart.
type Kind struct {
	Endpoint      string // https://host[:port], or http
	Bucket        string
	Prefix        string // prepended to each name
	Region        string
	AccessKeyFile string
	SecretKeyFile string
	PathStyle     bool   // https://host/bucket/name instead of https://bucket.host/name
	CA            string // file with the certificates to check the server's with; "": those of this machine
	Lock          time.Duration

	Dial  time.Duration // how long connecting may take; 0: 30 s
	Stall time.Duration // a connection without progress for so long ends; 0: 30 s

	Quirks *Quirks // kept between connections; nil: found out again after each Open

	wrap func(http.RoundTripper) http.RoundTripper // for tests; nil: none
}

var _ store.Kind = Kind{}

const (
	defaultDial  = 30 * time.Second
	defaultStall = 30 * time.Second
)

// Changed returns nil: nothing reports that a server came back.
func (k Kind) Changed() <-chan struct{} { return nil }

// Open makes the server check what an upload needs, so that wrong keys, a wrong clock and a missing
// bucket are known at once.
func (k Kind) Open(ctx context.Context) (store.Medium, error) {
	m, err := k.medium()
	if err != nil {
		return nil, &store.Trouble{Code: health.StoreError, Err: err}
	}
	ctx, done := m.withAbort(ctx)
	defer done()
	if err := m.reach(ctx); err != nil {
		err = m.explain(fmt.Errorf("open the bucket %s: %w", k.Bucket, err))
		m.Close()
		if t := (*store.Trouble)(nil); !errors.As(err, &t) {
			err = &store.Trouble{Code: health.StoreError, Err: err}
		}
		return nil, err
	}
	return m, nil
}

// reach checks the bucket: with a server that doesn't list uploads, whether it exists.
func (m *medium) reach(ctx context.Context) error {
	if !m.quirks.has(lacksList) {
		_, err := m.core.ListMultipartUploads(ctx, m.kind.Bucket, m.kind.Prefix, "", "", "", 1)
		if !refuses(err) {
			return err
		}
		m.quirks.note(lacksList, err)
	}
	there, err := m.core.BucketExists(ctx, m.kind.Bucket)
	if err == nil && !there {
		err = minio.ErrorResponse{StatusCode: http.StatusNotFound, Code: minio.NoSuchBucket,
			Message: "there is no such bucket"}
	}
	if refuses(err) { // an upload will tell
		return nil
	}
	return err
}

// medium makes the client. It sends nothing.
func (k Kind) medium() (*medium, error) {
	endpoint, err := url.Parse(k.Endpoint)
	if err != nil || endpoint.Host == "" || endpoint.Scheme != "http" && endpoint.Scheme != "https" {
		return nil, fmt.Errorf("%q is not an address like https://s3.lan:9000", k.Endpoint)
	}
	access, err := secret(k.AccessKeyFile)
	if err != nil {
		return nil, err
	}
	password, err := secret(k.SecretKeyFile)
	if err != nil {
		return nil, err
	}
	m := &medium{kind: k, quirks: k.Quirks}
	if m.quirks == nil {
		m.quirks = &Quirks{}
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	if m.transport, err = k.transport(endpoint); err != nil {
		return nil, err
	}
	wire := http.RoundTripper(&answerLimiter{m.transport, &m.clock})
	if k.wrap != nil {
		wire = k.wrap(wire)
	}
	lookup := minio.BucketLookupDNS
	if k.PathStyle {
		lookup = minio.BucketLookupPath
	}
	m.core, err = minio.NewCore(endpoint.Host, &minio.Options{
		Creds:        credentials.NewStaticV4(access, password, ""),
		Secure:       endpoint.Scheme == "https",
		Region:       cmp.Or(k.Region, "us-east-1"), // so that the library doesn't ask for it
		BucketLookup: lookup,
		Transport:    wire,
		MaxRetries:   1,
	})
	if err != nil {
		return nil, err
	}
	m.core.SetS3EnableDualstack(false) // it would use another host than the configured one
	if !strings.Contains(k.Bucket, ".") {
		// With Amazon this too keeps it to the configured host; elsewhere it has no effect.
		m.core.SetS3TransferAccelerate(endpoint.Host)
	}
	return m, nil
}

// maxSecret is the maximum size of a key in bytes.
const maxSecret = 4 << 10

// secret reads a key from its file. Spaces around it don't count.
func secret(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil {
		return "", fmt.Errorf("a key for the S3 server: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("everybody on this machine can read the key in %s; chmod 640 it, with the service's group",
			name)
	}
	key, err := textfile.Value(name, maxSecret)
	if err != nil {
		return "", fmt.Errorf("a key for the S3 server: %w", err)
	}
	if key = strings.TrimSpace(key); key == "" {
		return "", fmt.Errorf("a key for the S3 server: %s is empty", name)
	}
	return key, nil
}
