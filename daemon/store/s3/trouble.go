//go:build unix

package s3

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/minio/minio-go/v7"

	"tacet/daemon/health"
	"tacet/daemon/store"
)

// explain returns err as a [store.Trouble] if the server or the network caused it, and otherwise
// err itself.
func (m *medium) explain(err error) error {
	var (
		known *store.Trouble
		ours  *readError
	)
	if err == nil || errors.As(err, &known) || errors.As(err, &ours) ||
		slices.ContainsFunc([]error{fs.ErrExist, fs.ErrNotExist, context.Canceled},
			func(e error) bool { return errors.Is(err, e) }) {
		return err
	}
	if answer, ok := answered(err); ok {
		if code, what := m.meaning(answer); code != "" {
			return &store.Trouble{Code: code, Err: fmt.Errorf("%s: %w", what, err)}
		}
		if answer.StatusCode < http.StatusBadRequest {
			return err
		}
		return &store.Trouble{Code: health.StoreError,
			Err: fmt.Errorf("the S3 server %s refuses the request with %q: %w", m.kind.Endpoint, words(err), err)}
	}
	var (
		certificate *tls.CertificateVerificationError
		sent        *url.Error
		network     net.Error
	)
	var other *wrongHostError
	switch {
	case errors.As(err, &other):
		return &store.Trouble{Code: health.StoreError,
			Err: fmt.Errorf("the Amazon address %s doesn't belong to the region %s; write endpoint = %q, and the region of "+
				"the bucket: %w",
				m.kind.Endpoint, m.kind.Region, "https://s3.REGION.amazonaws.com", err)}
	case errors.As(err, &certificate):
		return &store.Trouble{Code: health.StoreHostKey,
			Err: fmt.Errorf("the certificate of %s is not vouched for by %s, or this unit's clock, "+
				"at %s, is wrong; nothing was sent: %w", m.kind.Endpoint, m.vouching(), time.Now().UTC().Format(time.DateTime),
				err)}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &store.Trouble{Code: health.StoreMissing,
			Err: fmt.Errorf("the S3 server %s has stopped answering: %w", m.kind.Endpoint, err)}
	case errors.As(err, &sent), errors.As(err, &network), errors.Is(err, io.ErrUnexpectedEOF):
		return &store.Trouble{Code: health.StoreMissing,
			Err: fmt.Errorf("the S3 server %s can't be reached, or was lost: %w", m.kind.Endpoint, err)}
	}
	return err
}

func (m *medium) vouching() string {
	if m.kind.CA == "" {
		return "any authority that this machine trusts (name your own in ca)"
	}
	return m.kind.CA
}

// answered returns the server's answer, if there is one.
func answered(err error) (minio.ErrorResponse, bool) {
	var answer minio.ErrorResponse
	ok := errors.As(err, &answer)
	return answer, ok
}

// full are the codes of servers without space; S3 itself has none.
var full = []string{"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage",
	"StorageFull", "NoSpaceLeft"}

// denied are the codes for refused keys. Most servers, but not all, send them with status
// Forbidden.
var denied = []string{"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AllAccessDisabled",
	"AccountProblem", "XAdminUserNotFound"}

// meaning returns the warning for an answer, and what to do, or "" if it says nothing about the
// store.
func (m *medium) meaning(answer minio.ErrorResponse) (code health.Code, what string) {
	ahead, wrongClock := m.clock.off()
	switch {
	case answer.Code == "RequestTimeTooSkewed", answer.StatusCode == http.StatusForbidden && wrongClock:
		// An answer without a body has no code but Forbidden.
		way := "ahead of"
		if ahead < 0 {
			way = "behind"
		}
		return health.StoreError, fmt.Sprintf("this unit's clock is %v %s the S3 server's, which therefore refuses it; "+
			"check that both have a time server "+
			"(\"timedatectl timesync-status\")", ahead.Abs(), way)
	case answer.Code == "NoSuchBucket":
		return health.StoreError, fmt.Sprintf("there is no bucket %q on the S3 server %s; make it, or correct bucket",
			m.kind.Bucket, m.kind.Endpoint)
	case slices.Contains(full, answer.Code), answer.StatusCode == http.StatusInsufficientStorage:
		return health.StoreFull, "the S3 server has no space left for the bucket " + m.kind.Bucket
	case slices.Contains(denied, answer.Code), answer.StatusCode == http.StatusForbidden,
		answer.StatusCode == http.StatusUnauthorized:
		return health.StoreDenied, fmt.Sprintf("the S3 server %s refuses the keys in %s and %s, or doesn't give them the "+
			"needed permissions in the bucket %s",
			m.kind.Endpoint, m.kind.AccessKeyFile, m.kind.SecretKeyFile, m.kind.Bucket)
	case answer.StatusCode/100 == 3, answer.Code == "AuthorizationHeaderMalformed":
		return health.StoreError, fmt.Sprintf("the bucket %s is elsewhere; correct region and endpoint", m.kind.Bucket)
	}
	return "", ""
}

// missing reports whether an error means that there is no such object.
func missing(err error) bool {
	answer, ok := answered(err)
	return ok && (answer.Code == minio.NoSuchKey || answer.Code == "NotFound")
}

// exists reports whether an error means that the object of a conditional request exists.
func exists(err error) bool {
	answer, ok := answered(err)
	return ok && answer.StatusCode == http.StatusPreconditionFailed
}
