//go:build linux

package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"tacet/daemon/health"
	"tacet/daemon/store"
	"tacet/daemon/store/s3"
	"tacet/daemon/store/storetest"
)

// refusing is a server that answers some requests with an error, in S3's XML.
func refusing(status int, code, text string, which func(r *http.Request) bool) storetest.S3Trait {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if !which(r) {
			next.ServeHTTP(w, r)
			return
		}
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message></Error>", code, text)
	}
}

func has(headers ...string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return slices.ContainsFunc(headers, func(h string) bool { return r.Header.Get(h) != "" })
	}
}

func asks(method, query string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return (method == "" || r.Method == method) && (query == "" || r.URL.Query().Has(query))
	}
}

func object(method string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return r.Method == method && strings.Contains(r.URL.Path, "high-street/") && r.URL.RawQuery == ""
	}
}

func either(all ...func(*http.Request) bool) func(*http.Request) bool {
	return func(r *http.Request) bool {
		return slices.ContainsFunc(all, func(f func(*http.Request) bool) bool { return f(r) })
	}
}

// changing is a server whose answers to some requests are changed.
func changing(which func(*http.Request) bool, change func(h http.Header, body []byte) []byte) storetest.S3Trait {
	return func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if !which(r) {
			next.ServeHTTP(w, r)
			return
		}
		held := &holder{header: http.Header{}}
		next.ServeHTTP(held, r)
		maps.Copy(w.Header(), held.header)
		body := change(w.Header(), held.body.Bytes())
		w.WriteHeader(held.status)
		for len(body) > 0 && r.Method != http.MethodHead { // in pieces, so that nobody counts them before
			n := min(len(body), 1000)
			w.Write(body[:n])
			w.(http.Flusher).Flush()
			body = body[n:]
		}
	}
}

// holder holds back an answer.
type holder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (h *holder) Header() http.Header         { return h.header }
func (h *holder) WriteHeader(status int)      { h.status = status }
func (h *holder) Write(b []byte) (int, error) { return h.body.Write(b) }

// Whatever a server lacks or does differently: copies are made and the spool releases them, or the
// reason is reported at once. A trial reports the same.
func TestTraits(t *testing.T) {
	for name, c := range map[string]struct {
		trait storetest.S3Trait
		lock  time.Duration
		code  health.Code // "": copied and released
		words []string    // of the refusal, or of a limit
		tries bool        // the try alone does not meet it
	}{
		"as it is": {},
		"501 on a condition": {trait: refusing(501, "NotImplemented",
			"A header you provided implies functionality that is not implemented", has("If-None-Match")),
			words: []string{"If-None-Match", "overwritten", "NotImplemented"}},
		"400 on a condition": {trait: refusing(400, "InvalidArgument", "no conditions", has("If-None-Match")),
			words: []string{"If-None-Match"}},
		"400 on a SHA-256": {trait: refusing(400, "InvalidRequest", "what is that", has("X-Amz-Checksum-Sha256")),
			words: []string{"MD5"}},
		"501 on every sum's header": {trait: refusing(501, "NotImplemented", "no",
			has("X-Amz-Checksum-Sha256", "X-Amz-Checksum-Algorithm")), words: []string{"MD5"}},
		"501 on a sum's kind": {trait: refusing(501, "NotImplemented", "no", has("X-Amz-Checksum-Algorithm")),
			words: []string{"MD5"}},
		"neither sum nor condition": {trait: refusing(400, "InvalidRequest", "no",
			has("X-Amz-Checksum-Sha256", "X-Amz-Checksum-Algorithm", "If-None-Match")), words: []string{"MD5", "If-None-Match"}},
		"an error without a text": {trait: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if has("If-None-Match")(r) {
				w.WriteHeader(501)
			} else {
				next.ServeHTTP(w, r)
			}
		}, words: []string{"If-None-Match"}},
		"no listing of uploads": {trait: refusing(501, "NotImplemented", "no", asks("GET", "uploads")),
			words: []string{"doesn't list"}},
		"no listing of parts": {trait: refusing(501, "NotImplemented", "no", asks("GET", "uploadId")),
			words: []string{"doesn't list"}, tries: true},
		"no uploads in parts": {trait: refusing(405, "MethodNotAllowed", "no",
			either(asks("", "uploads"), asks("", "uploadId"))), words: []string{"no multipart"}},
		"no HEAD":     {trait: refusing(405, "MethodNotAllowed", "no", object("HEAD"))},
		"no deletion": {trait: refusing(403, "AccessDenied", "no", object("DELETE"))},
		"no aborting": {trait: refusing(403, "AccessDenied", "no", asks("DELETE", "uploadId"))},
		"no lengths": {trait: changing(object("GET"),
			func(h http.Header, b []byte) []byte { h.Del("Content-Length"); return b })},
		"no times": {trait: changing(either(object("GET"), object("HEAD")),
			func(h http.Header, b []byte) []byte { h.Del("Last-Modified"); return b })},
		"other tags": {trait: changing(asks("PUT", ""),
			func(h http.Header, b []byte) []byte { h.Del("X-Amz-Checksum-Sha256"); return b })},

		"400 on everything": {trait: refusing(400, "InvalidRequest", "not today",
			either(object("PUT"), asks("PUT", "partNumber"))), code: health.StoreError,
			words: []string{"not today", "without a condition", "MD5"}},
		"no lock": {lock: time.Hour, code: health.StoreError, words: []string{"object lock", "lock to"}},
		"501 on a lock": {lock: time.Hour, trait: refusing(501, "NotImplemented", "no", has("X-Amz-Object-Lock-Mode")),
			code: health.StoreError, words: []string{"object lock"}},
		"lock, and no SHA-256": {lock: time.Hour,
			trait: refusing(501, "NotImplemented", "no",
				has("X-Amz-Object-Lock-Mode", "X-Amz-Checksum-Sha256", "X-Amz-Checksum-Algorithm")), code: health.StoreError,
			words: []string{"object lock"}},
		"no space": {trait: refusing(507, "XMinioStorageFull", "no", asks("PUT", "")), code: health.StoreFull,
			words: []string{"no space"}},
		"no right": {trait: refusing(403, "AccessDenied", "no", asks("PUT", "")), code: health.StoreDenied},
		"broken": {trait: refusing(500, "InternalError", "oops", asks("PUT", "")), code: health.StoreError,
			words: []string{"oops"}},
		"a long answer": {trait: refusing(500, "InternalError", strings.Repeat("x", 5<<20), asks("PUT", "")),
			code: health.StoreError, words: []string{"longer than"}},
		"a fairly long answer": {trait: refusing(500, "InternalError", strings.Repeat("x", 100<<10), asks("PUT", "")),
			code: health.StoreError, words: []string{"…"}},
		"elsewhere": {trait: refusing(307, "TemporaryRedirect", "elsewhere", asks("PUT", "")), code: health.StoreError,
			words: []string{"elsewhere"}},
		"nested XML": {trait: refusing(200, strings.Repeat("<a>", 4<<20), "", asks("GET", "uploads")),
			code: health.StoreError, words: []string{"longer than"}},
		"other bytes": {trait: changing(object("GET"), func(_ http.Header, b []byte) []byte { b[len(b)-1]++; return b }),
			code: health.StoreMismatch},
		"2^62 bytes": {trait: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if !object("GET")(r) {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Length", fmt.Sprint(int64(1)<<62))
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 1<<20))
			}
		}, code: health.StoreMismatch},
		"bytes without end": {trait: func(w http.ResponseWriter, r *http.Request, next http.Handler) {
			if !object("GET")(r) {
				next.ServeHTTP(w, r)
				return
			}
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 1<<20))
			}
		}, code: health.StoreMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, size := range []int{1 << 20, s3.PartSize + 1<<20} {
				server := storetest.StartS3(t)
				at := kind(server)
				if at.Lock = c.lock; c.trait != nil {
					at.Endpoint = storetest.StartS3Proxy(t, server, c.trait)
				}
				tried, tryErr := store.Probe(t.Context(), at)
				unit := storetest.NewUnit(t, size)
				fate := unit.Follow(at, 0)
				if c.code != "" {
					if fate.Released {
						t.Error("it was released")
					}
					trouble(t, tryErr, c.code, c.words...)
					trouble(t, fate.Trouble, c.code, c.words...)
					if n := max(len(tryErr.Error()), len(fate.Trouble.Error())); n > 2000 {
						t.Errorf("%d bytes are said", n)
					}
					continue
				}
				if tryErr != nil || !fate.Released || fate.Trouble != nil || len(fate.Conflicts) > 0 {
					t.Fatalf("%d bytes: the try said %v, the unit %v, %v; released: %v\n%s", size, tryErr, fate.Trouble,
						fate.Conflicts, fate.Released, fate.Log)
				}
				got, err := os.ReadFile(filepath.Join(server.Dir, "high-street", unit.Name))
				if err != nil || !bytes.Equal(got, unit.Data) {
					t.Errorf("the copy is something else (%v)", err)
				}
				for _, w := range c.words {
					if !strings.Contains(strings.Join(tried.Limits, "\n"), w) {
						t.Errorf("the try does not say %q: %q", w, tried.Limits)
					}
					if !fate.Said(w) && size > s3.PartSize && !c.tries {
						t.Errorf("the unit does not say %q: %s", w, fate.Log)
					}
				}
			}
		})
	}
}

// What a server was found to lack is not tried again, and the bucket's next recordings need no more
// requests than elsewhere.
func TestLackIsRemembered(t *testing.T) {
	server := storetest.StartS3(t)
	var refusals atomic.Int64
	k := kind(server)
	k.Endpoint = storetest.StartS3Proxy(t, server, refusing(501, "NotImplemented", "no", func(r *http.Request) bool {
		refused := has("If-None-Match", "X-Amz-Checksum-Sha256", "X-Amz-Checksum-Algorithm")(r)
		if refused {
			refusals.Add(1)
		}
		return refused
	}))
	k.Quirks = new(s3.Quirks)
	for i := range 3 {
		no(t, put(t, open(t, k), fmt.Sprintf("small-%d", i), noise(1000)))
		no(t, put(t, open(t, k), fmt.Sprintf("large-%d", i), noise(s3.PartSize+1)))
	}
	if n := refusals.Load(); n > 3 {
		t.Errorf("%d requests were refused", n)
	}
}

// Without conditions an existing object still stays, also one that is made while the first manner
// is being refused.
func TestExistingObjectStaysWithoutConditions(t *testing.T) {
	for _, size := range []int{10, s3.PartSize + 1} {
		server := storetest.StartS3(t)
		theirs := []byte("theirs")
		k := kind(server)
		other := open(t, k)
		var done atomic.Bool
		k.Endpoint = storetest.StartS3Proxy(t, server, refusing(501, "NotImplemented", "no", func(r *http.Request) bool {
			refused := has("If-None-Match")(r)
			if refused && done.CompareAndSwap(false, true) {
				no(t, put(t, other, "a", theirs))
			}
			return refused
		}))
		for range 2 {
			if err := put(t, open(t, k), "a", noise(size)); !errors.Is(err, os.ErrExist) {
				t.Errorf("%d bytes over an object: %v", size, err)
			}
			holds(t, other, "a", theirs)
		}
		if n := unfinished(t, server); n != 0 {
			t.Errorf("%d useless uploads stay", n)
		}
	}
}

// A server that refuses a lock gets no object without one, and the first reason is the one
// reported.
func TestNoObjectWithoutItsLock(t *testing.T) {
	server := storetest.StartS3(t)
	k := kind(server)
	k.Lock = time.Hour
	for range 2 {
		err := put(t, open(t, k), "a", noise(10))
		trouble(t, err, health.StoreError, "object lock")
	}
	for o := range server.Admin.ListObjects(t.Context(), server.Bucket, minio.ListObjectsOptions{Recursive: true}) {
		t.Errorf("there is %s", o.Key)
	}
}

// A listing of parts that repeats itself ends, and the recording is not read again and again for
// it.
func TestPartsListedAgainAndAgain(t *testing.T) {
	server := storetest.StartS3(t)
	core := minio.Core{Client: server.Admin}
	_, err := core.NewMultipartUpload(t.Context(), server.Bucket, "high-street/a", minio.PutObjectOptions{
		UserMetadata: map[string]string{"X-Amz-Checksum-Algorithm": "SHA256"}})
	no(t, err)
	var marker, asked atomic.Int64
	k := kind(server)
	k.Endpoint = storetest.StartS3Proxy(t, server, func(w http.ResponseWriter, r *http.Request, next http.Handler) {
		if !asks("GET", "uploadId")(r) {
			next.ServeHTTP(w, r)
			return
		}
		asked.Add(1)
		fmt.Fprintf(w, "<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>%d</NextPartNumberMarker>",
			marker.Add(1))
		for range 100 {
			fmt.Fprintf(w, `<Part><PartNumber>1</PartNumber><Size>%d</Size><ETag>"x"</ETag></Part>`, s3.PartSize)
		}
		fmt.Fprint(w, "</ListPartsResult>")
	})
	data := noise(2 * s3.PartSize)
	from := &counting{from: bytes.NewReader(data)}
	no(t, open(t, k).Put(t.Context(), "a", from, int64(len(data))))
	if n := asked.Load(); n > 2 {
		t.Errorf("it was asked %d times", n)
	}
	if n := from.n.Load(); n > int64(3*len(data)) {
		t.Errorf("%d bytes of a recording of %d were read", n, len(data))
	}
}

type counting struct {
	from io.ReaderAt
	n    atomic.Int64
}

func (c *counting) ReadAt(b []byte, at int64) (int, error) {
	n, err := c.from.ReadAt(b, at)
	c.n.Add(int64(n))
	return n, err
}

// Answers with many small elements take little memory.
func TestAnswersTakeLittleMemory(t *testing.T) {
	server := storetest.StartS3(t)
	for what, body := range map[string]string{
		"nested":  "<ListMultipartUploadsResult>" + strings.Repeat("<a>", 8<<20),
		"uploads": "<ListMultipartUploadsResult>" + strings.Repeat("<Upload/>", 4<<20),
		"short":   "<ListMultipartUploadsResult>" + strings.Repeat("<Upload/>", 50<<10),
	} {
		k := kind(server)
		k.Endpoint = storetest.StartS3Proxy(t, server,
			func(w http.ResponseWriter, r *http.Request, _ http.Handler) { io.WriteString(w, body) })
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		if m, err := k.Open(t.Context()); err == nil {
			m.Close()
		}
		runtime.ReadMemStats(&after)
		if all := after.TotalAlloc - before.TotalAlloc; all > 128<<20 { // much of it is free again by now
			t.Errorf("%s: %d MB were allocated", what, all>>20)
		}
		if more := int64(after.HeapSys) - int64(before.HeapSys); more > 64<<20 {
			t.Errorf("%s: the heap grew by %d MB", what, more>>20)
		}
	}
}
