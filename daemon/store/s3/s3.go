//go:build unix

// Package s3 is the kind of store that is a bucket on an S3 server: a vetted cloud, or a server of
// one's own for many sites.
//
//	kind := s3.Kind{Endpoint: "https://s3.lan:9000", Bucket: "tacet", Prefix: "high-street/", Region: "us-east-1", PathStyle: true,
//		AccessKeyFile: "/etc/tacet/s3_access", SecretKeyFile: "/etc/tacet/s3_secret", CA: "/etc/tacet/ca.pem"}
//
// An object can't grow, so a recording goes there when it has ended: until then, and until it is
// uploaded, the bucket lacks it. What is off-site lags by the length of a recording and the time
// that its upload takes.
//
// What it promises:
//
//   - An object that exists is never overwritten: it is looked for first, and the upload is conditional (If-None-Match), so that
//     nobody comes between. A server that refuses conditions gets none: then somebody who makes the same object between the look and the
//     upload, a moment later, is overwritten. The read-back after it shows which of the two is there.
//   - A recording of more than 8 MiB goes up in parts of that size. What was interrupted goes on with the parts that are missing:
//     those that the server has are compared, by SHA-256, with what would be sent.
//   - The server is given the SHA-256 of each part, or an MD5 where it refuses that, and refuses what arrives as something else.
//   - What a server refuses is left out where it can be, for a day, and said (see [Learnt]): conditions, SHA-256, listing unfinished uploads, uploads in parts. A lock
//     is never left out.
//   - Only the endpoint is dialled: no proxy, no redirection, no service for names, regions or credentials.
//   - Nothing hangs for ever: a connection on which nothing moves while something is awaited ends after Stall. Requests are
//     not repeated here; whoever follows the spool does that.
//   - Memory is bounded: parts are read from the recording as they are sent, three at a time.
//
// The account needs s3:PutObject, s3:GetObject, s3:ListBucket, s3:ListBucketMultipartUploads,
// s3:ListMultipartUploadParts and s3:AbortMultipartUpload, with a lock also s3:PutObjectRetention;
// neither s3:DeleteObject nor s3:BypassGovernanceRetention. The bucket should have a lifecycle rule
// that ends incomplete uploads after some weeks: a unit that was taken down leaves its last one.
//
// Lock keeps each object for so long from the begin of its upload, in governance mode: the unit,
// and whoever steals its keys, can't delete or shorten it, but an administrator with
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

// Kind is a configured bucket. It reads its files at each Open, so that new keys need no restart.
type Kind struct {
	Endpoint      string // https://host[:port], or http
	Bucket        string
	Prefix        string // goes before each name as it stands
	Region        string
	AccessKeyFile string
	SecretKeyFile string
	PathStyle     bool   // https://host/bucket/name, and not https://bucket.host/name
	CA            string // file that the server's certificate is checked with; "": what this machine trusts
	Lock          time.Duration

	Dial  time.Duration // how long connecting may take; 0: 30 s
	Stall time.Duration // a connection on which nothing moves for so long ends; 0: 30 s

	Learnt *Learnt // what is known of the server; nil: it is found out anew after each Open

	wrap func(http.RoundTripper) http.RoundTripper // for tests; nil: none
}

var _ store.Kind = Kind{}

const (
	defaultDial  = 30 * time.Second
	defaultStall = 30 * time.Second
)

// Changed is nil: nobody tells of a server that came back.
func (k Kind) Changed() <-chan struct{} { return nil }

// Open asks the server for what an upload needs first, so that wrong keys, a wrong clock and a
// missing bucket are known at once.
func (k Kind) Open(ctx context.Context) (store.Medium, error) {
	m, err := k.medium()
	if err != nil {
		return nil, &store.Trouble{Code: health.StoreError, Err: err}
	}
	ctx, done := m.during(ctx)
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

// reach asks about the bucket. A server that lists no uploads is asked whether there is one.
func (m *medium) reach(ctx context.Context) error {
	if !m.learnt.has(lacksList) {
		_, err := m.core.ListMultipartUploads(ctx, m.kind.Bucket, m.kind.Prefix, "", "", "", 1)
		if !refuses(err) {
			return err
		}
		m.learnt.note(lacksList, err)
	}
	there, err := m.core.BucketExists(ctx, m.kind.Bucket)
	if err == nil && !there {
		err = minio.ErrorResponse{StatusCode: http.StatusNotFound, Code: minio.NoSuchBucket,
			Message: "there is no such bucket"}
	}
	if refuses(err) { // it will show
		return nil
	}
	return err
}

// medium makes the client; nothing is sent yet.
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
	m := &medium{kind: k, learnt: k.Learnt}
	if m.learnt == nil {
		m.learnt = &Learnt{}
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	if m.transport, err = k.transport(endpoint, &m.clock); err != nil {
		return nil, err
	}
	wire := http.RoundTripper(&bounded{m.transport, &m.clock})
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
		Region:       cmp.Or(k.Region, "us-east-1"), // given, it is not asked for
		BucketLookup: lookup,
		Transport:    wire,
		MaxRetries:   1,
	})
	if err != nil {
		return nil, err
	}
	m.core.SetS3EnableDualstack(false) // it would go to another host than the configured one
	if !strings.Contains(k.Bucket, ".") {
		// and so it would with Amazon's: this names the host that it goes to, and has no effect
		// elsewhere
		m.core.SetS3TransferAccelerate(endpoint.Host)
	}
	return m, nil
}

// maxSecret bounds a file with a key.
const maxSecret = 4 << 10

// secret reads a key from its file. No key begins or ends with a space.
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
