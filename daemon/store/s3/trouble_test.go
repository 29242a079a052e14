//go:build linux

package s3_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"tacet/config/textfile/textfiletest"
	"tacet/daemon/health"
	"tacet/daemon/store"
	"tacet/daemon/store/s3"
	"tacet/daemon/store/storetest"
)

// trouble expects a failure with that code, and all the words in its text.
func trouble(t *testing.T, err error, code health.Code, words ...string) {
	t.Helper()
	var got *store.Trouble
	if !errors.As(err, &got) || got.Code != code {
		t.Fatalf("the trouble is %v (%+v), want %s", err, got, code)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the trouble %q does not say %q", err, word)
		}
	}
}

func refused(t *testing.T, k s3.Kind, code health.Code, words ...string) {
	t.Helper()
	m, err := k.Open(t.Context())
	if err == nil {
		m.Close()
	}
	trouble(t, err, code, words...)
}

// roundTrip is a function as a transport.
type roundTrip func(*http.Request) (*http.Response, error)

func (r roundTrip) RoundTrip(q *http.Request) (*http.Response, error) { return r(q) }

// after does something once, after the first request with a method.
func after(method string, do func()) func(http.RoundTripper) http.RoundTripper {
	var once sync.Once
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(q *http.Request) (*http.Response, error) {
			answer, err := next.RoundTrip(q)
			if q.Method == method {
				once.Do(do)
			}
			return answer, err
		})
	}
}

func TestServerAway(t *testing.T) {
	server := storetest.StartS3(t)
	m := open(t, kind(server))
	server.Kill()
	refused(t, kind(server), "store-missing", "can't be reached", server.Addr)
	trouble(t, m.Check(put(t, m, "a", noise(10))), "store-missing")
}

func TestWrongCredentials(t *testing.T) {
	for _, wrong := range []func(*s3.Kind) string{
		func(k *s3.Kind) string { return k.AccessKeyFile },
		func(k *s3.Kind) string { return k.SecretKeyFile },
	} {
		server := storetest.StartS3(t)
		k := kind(server)
		m := open(t, k)
		no(t, os.WriteFile(wrong(&k), []byte("another-key\n"), 0o600))
		refused(t, k, "store-denied", k.AccessKeyFile, k.SecretKeyFile)
		no(t, m.Check(nil))
		_, err := k.Open(t.Context())
		if strings.Contains(err.Error(), "another-key") {
			t.Errorf("the error shows a key: %v", err)
		}
	}
}

func TestKeyFilesUnusable(t *testing.T) {
	k := s3.Kind{Endpoint: "http://127.0.0.1:1", Bucket: "tacet", AccessKeyFile: filepath.Join(t.TempDir(), "access"),
		SecretKeyFile: "/nowhere"}
	refused(t, k, "store-error", k.AccessKeyFile)
	no(t, os.WriteFile(k.AccessKeyFile, []byte("key\n"), 0o600))
	refused(t, k, "store-error", k.SecretKeyFile)
	no(t, os.Chmod(k.AccessKeyFile, 0o604))
	refused(t, k, "store-error", "everybody", "chmod 640")
	no(t, os.Chmod(k.AccessKeyFile, 0o600))
	no(t, os.WriteFile(k.AccessKeyFile, []byte("one\ntwo\n"), 0o600))
	refused(t, k, "store-error", "one line")
	k.Endpoint = "s3.lan"
	refused(t, k, "store-error", "https://")
}

func TestBucketMissing(t *testing.T) {
	server := storetest.StartS3(t)
	k := kind(server)
	k.Bucket = "no-such-bucket"
	refused(t, k, "store-error", "no-such-bucket", "make it")

	m := open(t, kind(server))
	no(t, os.RemoveAll(server.Dir))
	trouble(t, m.Check(put(t, m, "a", noise(s3.PartSize+1))), "store-error", `"tacet"`)
}

func TestOwnAuthority(t *testing.T) {
	server := storetest.StartS3(t, storetest.TLS)
	m := open(t, kind(server))
	data := noise(s3.PartSize + 1)
	no(t, put(t, m, "a", data))
	no(t, put(t, m, "b", data[:10]))
	holds(t, m, "a", data)

	k := kind(server)
	k.CA = ""
	refused(t, k, "store-host-key", "certificate", "clock")
	k.CA = storetest.StartS3(t, storetest.TLS).CA // another authority
	refused(t, k, "store-host-key", k.CA)
	k.CA = server.AccessFile
	refused(t, k, "store-error", "no certificate")
	k.CA += ".missing"
	refused(t, k, "store-error", k.CA)
	k = kind(server)
	k.Endpoint = strings.Replace(k.Endpoint, "https", "http", 1)
	if m, err := k.Open(t.Context()); err == nil {
		m.Close()
		t.Error("plain HTTP is spoken to a server with TLS")
	}
}

// The unit's clock is 20 minutes off: requests have that time, properly signed.
func TestClockOff(t *testing.T) {
	for word, off := range map[string]time.Duration{"behind": -20 * time.Minute, "ahead of": 20 * time.Minute} {
		server := storetest.StartS3(t)
		k := kind(server)
		signed := k.Wrapped(shifted(t, server, 0))
		no(t, put(t, open(t, signed), "a", noise(10))) // else this test signs wrongly
		wrong := k.Wrapped(shifted(t, server, off))
		_, err := wrong.Open(t.Context())
		trouble(t, err, "store-error", "20m0s "+word, "timedatectl")
	}
}

// shifted signs each request again, with another time.
func shifted(t *testing.T, s *storetest.S3, off time.Duration) func(http.RoundTripper) http.RoundTripper {
	access, err := os.ReadFile(s.AccessFile)
	no(t, err)
	secret, err := os.ReadFile(s.SecretFile)
	no(t, err)
	return func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(q *http.Request) (*http.Response, error) {
			now := time.Now().Add(off).UTC()
			stamp, day := now.Format("20060102T150405Z"), now.Format("20060102")
			q.Header.Set("X-Amz-Date", stamp)
			var names []string
			for _, part := range strings.Split(q.Header.Get("Authorization"), ", ") {
				if list, ok := strings.CutPrefix(part, "SignedHeaders="); ok {
					names = strings.Split(list, ";")
				}
			}
			canonical := q.Method + "\n" + q.URL.EscapedPath() + "\n" + q.URL.RawQuery + "\n"
			for _, name := range names {
				value := q.Header.Get(name)
				if name == "host" {
					value = q.URL.Host
				}
				if name == "content-length" {
					value = fmt.Sprint(q.ContentLength)
				}
				canonical += name + ":" + value + "\n"
			}
			canonical += "\n" + strings.Join(names, ";") + "\n" + q.Header.Get("X-Amz-Content-Sha256")
			sum := sha256.Sum256([]byte(canonical))
			scope := day + "/" + s.Region + "/s3/aws4_request"
			key := []byte("AWS4" + strings.TrimSpace(string(secret)))
			for _, part := range append(strings.Split(scope, "/"),
				"AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hex.EncodeToString(sum[:])) {
				mac := hmac.New(sha256.New, key)
				mac.Write([]byte(part))
				key = mac.Sum(nil)
			}
			q.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x",
				strings.TrimSpace(string(access)), scope, strings.Join(names, ";"), key))
			return next.RoundTrip(q)
		})
	}
}

// A hanging server or network ends the upload by the deadline.
func TestStalled(t *testing.T) {
	for name, hang := range map[string]func(*storetest.S3, *storetest.Proxy){
		"server":  func(s *storetest.S3, _ *storetest.Proxy) { s.Freeze() },
		"network": func(_ *storetest.S3, p *storetest.Proxy) { p.Hold() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := storetest.StartS3(t)
			proxy := storetest.StartProxy(t, server.Addr)
			k := through(server, proxy)
			data := noise(6 * s3.PartSize)
			no(t, put(t, open(t, k), "whole", data[:4*s3.PartSize]))
			k.Stall = 2 * time.Second
			m := open(t, k)
			body, _, err := m.Get(t.Context(), "whole")
			no(t, err)
			defer body.Close()
			go func() {
				proxy.WaitUp(proxy.Up() + 2*s3.PartSize)
				hang(server, proxy)
			}()
			err = put(t, m, "a", data)
			trouble(t, m.Check(err), "store-missing", "stopped answering")
			_, err = io.Copy(io.Discard, body)
			trouble(t, m.Check(err), "store-missing")
			refused(t, k, "store-missing")
		})
	}
}

func TestDiskFull(t *testing.T) {
	server := storetest.StartS3(t, storetest.S3Disk(16<<20))
	m := open(t, kind(server))
	err := put(t, m, "a", noise(20<<20))
	if err == nil {
		t.Fatal("20 MB lie on a disk of 16")
	}
	trouble(t, m.Check(err), "store-full", server.Bucket)
}

// If a server redirects, or names another region, nobody else is asked.
func TestOnlyTheEndpointIsDialled(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter,
		*http.Request) {
		t.Error("another server was asked")
	}))
	defer elsewhere.Close()
	t.Setenv("HTTP_PROXY", elsewhere.URL)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer server.Close()
	dir := t.TempDir()
	k := s3.Kind{Endpoint: server.URL, Bucket: "tacet", PathStyle: true, AccessKeyFile: filepath.Join(dir, "a"),
		SecretKeyFile: filepath.Join(dir, "b")}
	no(t, os.WriteFile(k.AccessKeyFile, []byte("key"), 0o600))
	no(t, os.WriteFile(k.SecretKeyFile, []byte("key"), 0o600))
	refused(t, k, "store-error", "elsewhere")
	var hosts []string
	asked := func(http.RoundTripper) http.RoundTripper {
		return roundTrip(func(q *http.Request) (*http.Response, error) {
			hosts = append(hosts, q.URL.Host)
			return nil, errors.New("not sent")
		})
	}
	k.Region = "eu-central-1"
	for _, endpoint := range []string{
		"s3.eu-central-1.amazonaws.com", "s3.lan:9000", "s3.amazonaws.com", "s3.a-region-of-tomorrow.amazonaws.com",
		"s3.us-west-2.amazonaws.com",
		"s3.dualstack.eu-central-1.amazonaws.com", "s3-fips.us-east-1.amazonaws.com", "s3-external-1.amazonaws.com",
		"s3.cn-north-1.amazonaws.com.cn",
		"storage.googleapis.com", "oss-eu-central-1.aliyuncs.com", "192.168.1.5:9000", "[fd00::1]:9000", "nas",
	} {
		for _, path := range []bool{true, false} {
			want := endpoint
			if k.PathStyle = path; !path {
				want = "tacet." + endpoint
			}
			if strings.ContainsAny(endpoint, "[]") || strings.HasPrefix(endpoint, "192.") {
				if !path { // an address has no names before it
					continue
				}
			}
			k.Endpoint, hosts = "https://"+endpoint, nil
			refused(t, k.Wrapped(asked), "store-missing")
			if len(hosts) != 1 || hosts[0] != want {
				t.Errorf("%s: asked %q, want %q", endpoint, hosts, want)
			}
		}
	}
	k.PathStyle = true
	k.Endpoint, k.Bucket = "https://s3.amazonaws.com", "with.dot" // the library would go to the region's own host
	refused(t, k, "store-error", "not the configured endpoint", "https://s3.REGION.amazonaws.com")
}

// The codes that servers have for a full bucket.
func TestServerFull(t *testing.T) {
	for code, status := range map[string]int{"XMinioStorageFull": 507, "QuotaExceeded": 403, "Other": 507} {
		k := s3.Kind{Bucket: "tacet", PathStyle: true, AccessKeyFile: filepath.Join(t.TempDir(), "a")}
		k.SecretKeyFile = k.AccessKeyFile
		no(t, os.WriteFile(k.AccessKeyFile, []byte("key"), 0o600))
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, "<Error><Code>%s</Code></Error>", code)
		}))
		defer server.Close()
		k.Endpoint = server.URL
		refused(t, k, "store-full", "no space")
	}
}

// Whatever program saved the keys and the certificate, they are the same.
func TestFilesSavedOnWindows(t *testing.T) {
	server := storetest.StartS3(t, storetest.TLS)
	k := kind(server)
	textfiletest.SavedOnWindows(t, func(way string) {
		m, err := k.Open(t.Context())
		if err != nil {
			t.Errorf("%s: %v", way, err)
			return
		}
		no(t, m.Close())
	}, k.AccessKeyFile, k.SecretKeyFile, k.CA)
}
