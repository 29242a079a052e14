//go:build linux

package s3_test

import (
	"os"
	"testing"

	"github.com/minio/minio-go/v7"

	"tacet/daemon/store"
	"tacet/daemon/store/storetest"
)

// A trial proves that uploads work, and leaves nothing.
func TestProbe(t *testing.T) {
	server := storetest.StartS3(t)
	where, err := store.Probe(t.Context(), kind(server))
	no(t, err)
	if want := server.URL + "/" + server.Bucket + "/high-street/"; where.Where != want {
		t.Errorf("it tried %s, want %s", where.Where, want)
	}
	if n := unfinished(t, server); n > 0 {
		t.Errorf("%d uploads are left behind", n)
	}
	for o := range server.Admin.ListObjects(t.Context(), server.Bucket, minio.ListObjectsOptions{Recursive: true}) {
		t.Errorf("left behind: %s, %v", o.Key, o.Err)
	}
	// A missing permission that only an upload needs is noticed.
	k := kind(server)
	k.Lock = 1 << 40
	if _, err := store.Probe(t.Context(), k); err == nil {
		t.Error("a lock in a bucket without is not missed")
	}
	no(t, os.WriteFile(server.SecretFile, []byte("wrong"), 0o600))
	_, err = store.Probe(t.Context(), kind(server))
	trouble(t, err, "store-denied")
}
