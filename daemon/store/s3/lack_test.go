//go:build linux

package s3_test

import (
	"bytes"
	"crypto/md5" //nolint:gosec // S3's own sum
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/minio/minio-go/v7"

	"tacet/daemon/health"
	"tacet/daemon/store/s3"
	"tacet/daemon/store/storetest"
)

// sendsBytes reports whether a request carries an object's bytes, or a part's.
func sendsBytes(r *http.Request) bool {
	return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "high-street/")
}

// A server that knows no SHA-256 and, like older ones, wants an MD5 with all bytes gets one that is
// theirs, with whole objects and with parts.
func TestMD5IsSent(t *testing.T) {
	server := storetest.StartS3(t)
	sums := has("X-Amz-Checksum-Sha256", "X-Amz-Checksum-Algorithm")
	unknown := refusing(501, "NotImplemented", "no", sums)
	noMD5 := refusing(400, "MissingContentMD5", "an MD5 is needed", sendsBytes)
	var mu sync.Mutex
	var bodies, wrong int // guarded by mu
	k := kind(server)
	k.Endpoint = storetest.StartS3Proxy(t, server, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		switch {
		case sums(r):
			unknown(w, r, next)
			return
		case !sendsBytes(r):
			next.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read a request: %v", err)
		}
		sum := md5.Sum(body) //nolint:gosec // S3's own sum
		sent := r.Header.Get("Content-Md5")
		mu.Lock()
		if bodies++; sent != base64.StdEncoding.EncodeToString(sum[:]) {
			wrong++
		}
		mu.Unlock()
		r.Body = io.NopCloser(bytes.NewReader(body))
		if sent == "" {
			noMD5(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
	m := open(t, k)
	for name, size := range map[string]int{"empty": 0, "small": 10, "large": 2*s3.PartSize + 1} {
		no(t, put(t, m, name, noise(size)))
		holds(t, m, name, noise(size))
	}
	mu.Lock()
	defer mu.Unlock()
	if bodies < 5 || wrong > 0 {
		t.Errorf("of %d bodies %d come without their MD5", bodies, wrong)
	}
}

// Where conditions are refused, somebody else's object may come after the upload's last check, and
// even after the upload. The unit looks again: it keeps its recording, and says so.
func TestReplacedObjectIsNoticed(t *testing.T) {
	for _, size := range []int{1 << 20, s3.PartSize + 1<<20} {
		server := storetest.StartS3(t)
		unit := storetest.NewUnit(t, size)
		theirs := bytes.Clone(unit.Data)
		theirs[len(theirs)/2]++ // as long, and different
		var replaced atomic.Int64
		refuse := refusing(501, "NotImplemented", "no", has("If-None-Match"))
		made := either(object(http.MethodPut), asks(http.MethodPost, "uploadId"))
		k := kind(server)
		k.Endpoint = storetest.StartS3Proxy(t, server, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if has("If-None-Match")(r) || !made(r) {
				refuse(w, r, next)
				return
			}
			next.ServeHTTP(w, r)
			name := strings.TrimPrefix(r.URL.Path, "/"+server.Bucket+"/")
			if _, err := server.Admin.PutObject(r.Context(), server.Bucket, name, bytes.NewReader(theirs),
				int64(len(theirs)), minio.PutObjectOptions{}); err != nil {
				t.Errorf("replace %s: %v", name, err)
			}
			replaced.Add(1)
		})
		fate := unit.Follow(k, 0)
		if replaced.Load() == 0 {
			t.Fatal("no object was replaced: this test replaces something else")
		}
		if fate.Released {
			t.Errorf("%d bytes: the unit's own copy is released", size)
		}
		trouble(t, fate.Trouble, health.StoreMismatch)
	}
}

// What one bucket's server lacks says nothing of another's: each is asked for everything itself.
func TestBucketsAreJudgedApart(t *testing.T) {
	poor, rich := storetest.StartS3(t), storetest.StartS3(t)
	a, b := kind(poor), kind(rich)
	lacking := has("If-None-Match", "X-Amz-Checksum-Sha256", "X-Amz-Checksum-Algorithm")
	a.Endpoint = storetest.StartS3Proxy(t, poor, refusing(501, "NotImplemented", "no", lacking))
	var mu sync.Mutex
	var asked []string // what an upload to the rich one came with; guarded by mu
	b.Endpoint = storetest.StartS3Proxy(t, rich, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if sendsBytes(r) {
			mu.Lock()
			asked = append(asked, r.Header.Get("If-None-Match")+r.Header.Get("X-Amz-Checksum-Sha256"))
			mu.Unlock()
		}
		next.ServeHTTP(w, r)
	})
	a.Quirks, b.Quirks = new(s3.Quirks), new(s3.Quirks)
	for _, name := range []string{"one", "two"} {
		no(t, put(t, open(t, a), name, noise(1000)))
		no(t, put(t, open(t, b), name, noise(1000)))
	}
	mu.Lock()
	defer mu.Unlock()
	poorly := func(s string) bool { return !strings.HasPrefix(s, "*") || len(s) < 40 } // a SHA-256 in Base64 has 44
	if len(asked) != 2 || slices.ContainsFunc(asked, poorly) {
		t.Errorf("the bucket that lacks nothing is asked with %q", asked)
	}
}
