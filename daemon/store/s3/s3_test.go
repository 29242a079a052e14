//go:build linux

package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"tacet/daemon/store"
	"tacet/daemon/store/s3"
	"tacet/daemon/store/storetest"
)

// kind returns a unit's configuration for the server.
func kind(s *storetest.S3) s3.Kind {
	return s3.Kind{Endpoint: s.URL, Bucket: s.Bucket, Prefix: "high-street/", Region: s.Region, PathStyle: true,
		AccessKeyFile: s.AccessFile, SecretKeyFile: s.SecretFile, CA: s.CA}
}

// through is kind, through a proxy.
func through(s *storetest.S3, p *storetest.Proxy) s3.Kind {
	k := kind(s)
	k.Endpoint = strings.Replace(k.Endpoint, s.Addr, p.Addr, 1)
	return k
}

func open(t *testing.T, k s3.Kind) store.Bucket {
	t.Helper()
	m, err := k.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m.(store.Bucket)
}

func no(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// noise returns size bytes without repetitions. Nobody may change them.
func noise(size int) []byte { return noises()[:size:size] }

var noises = sync.OnceValue(func() []byte {
	data := make([]byte, 7*s3.PartSize)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return data
})

func put(t *testing.T, m store.Bucket, name string, data []byte) error {
	t.Helper()
	return m.Put(t.Context(), name, bytes.NewReader(data), int64(len(data)))
}

// holds expects an object with that content.
func holds(t *testing.T, m store.Bucket, name string, want []byte) {
	t.Helper()
	r, size, err := m.Get(t.Context(), name)
	no(t, err)
	defer r.Close()
	got, err := io.ReadAll(r)
	if err != nil || size != int64(len(want)) || !bytes.Equal(got, want) {
		t.Errorf("%s is read back as %d bytes, said to be %d, want %d; the same: %v (%v)", name, len(got), size, len(want),
			bytes.Equal(got, want), err)
	}
}

// unfinished counts the uploads that were neither completed nor aborted.
func unfinished(t *testing.T, s *storetest.S3) int {
	t.Helper()
	n := 0
	for u := range s.Admin.ListIncompleteUploads(t.Context(), s.Bucket, "", true) {
		no(t, u.Err)
		n++
	}
	return n
}

func TestPutAndGet(t *testing.T) {
	server := storetest.StartS3(t)
	m := open(t, kind(server))
	for name, size := range map[string]int{"empty": 0, "small": 12345, "one-part": s3.PartSize,
		"two-parts": s3.PartSize + 1, "parts": 3*s3.PartSize + 777} {
		data := noise(size)
		no(t, put(t, m, name, data))
		holds(t, m, name, data)
		onDisk, err := os.ReadFile(filepath.Join(server.Dir, "high-street", name))
		if err != nil || !bytes.Equal(onDisk, data) {
			t.Errorf("%s: the server's disk holds something else (%v)", name, err)
		}
	}
	if _, _, err := m.Get(t.Context(), "missing"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing object: %v", err)
	}
	if n := unfinished(t, server); n != 0 {
		t.Errorf("%d uploads are left unfinished", n)
	}
}

// The server keeps the checksums that it was given and has checked.
func TestServerKeepsSum(t *testing.T) {
	server := storetest.StartS3(t)
	m := open(t, kind(server))
	data := noise(1000)
	no(t, put(t, m, "a", data))
	no(t, put(t, m, "b", noise(s3.PartSize+1)))
	info, err := server.Admin.StatObject(t.Context(), server.Bucket, "high-street/a",
		minio.StatObjectOptions{Checksum: true})
	no(t, err)
	sum := sha256.Sum256(data)
	if want := base64.StdEncoding.EncodeToString(sum[:]); info.ChecksumSHA256 != want {
		t.Errorf("the server's sum is %q, want %q", info.ChecksumSHA256, want)
	}
	info, err = server.Admin.StatObject(t.Context(), server.Bucket, "high-street/b",
		minio.StatObjectOptions{Checksum: true})
	no(t, err)
	if !strings.HasSuffix(info.ChecksumSHA256, "-2") {
		t.Errorf("of two parts the server's sum is %q", info.ChecksumSHA256)
	}
}

func TestNamesStayInside(t *testing.T) {
	m := open(t, kind(storetest.StartS3(t)))
	for _, name := range []string{"", ".", "..", "../a", "/a"} {
		if err := put(t, m, name, nil); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("put %q: %v", name, err)
		}
		if _, _, err := m.Get(t.Context(), name); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("get %q: %v", name, err)
		}
	}
}

func TestExistingObjectStays(t *testing.T) {
	server := storetest.StartS3(t)
	proxy := storetest.StartProxy(t, server.Addr)
	m := open(t, through(server, proxy))
	no(t, put(t, m, "a", []byte("theirs")))
	before := proxy.Up()
	for _, size := range []int{10, s3.PartSize + 1} {
		if err := put(t, m, "a", noise(size)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("putting %d bytes over an object: %v", size, err)
		}
	}
	if sent := proxy.Up() - before; sent > 10_000 {
		t.Errorf("%d bytes were sent for nothing", sent)
	}
	holds(t, m, "a", []byte("theirs"))
	no(t, m.Check(fs.ErrExist))
}

// Somebody makes the object after its name was checked, while ours is being sent.
func TestExistingObjectStaysInARace(t *testing.T) {
	for _, size := range []int{10, 2*s3.PartSize + 1} {
		server := storetest.StartS3(t)
		other := open(t, kind(server))
		theirs := []byte("theirs")
		k := kind(server).Wrapped(after("HEAD", func() { no(t, put(t, other, "a", theirs)) }))
		if err := put(t, open(t, k), "a", noise(size)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%d bytes: %v", size, err)
		}
		holds(t, other, "a", theirs)
		if n := unfinished(t, server); n != 0 {
			t.Errorf("%d useless uploads stay", n)
		}
	}
}

// An upload is interrupted, by the network or by the server's death, and later resumed with the
// missing parts.
func TestInterruptedUploadGoesOn(t *testing.T) {
	const parts, most = 6, 9 * s3.PartSize / 2 // while three are under way
	for name, cut := range map[string]func(*storetest.S3, *storetest.Proxy){
		"server killed": func(s *storetest.S3, p *storetest.Proxy) { p.WaitUp(most); s.Kill() },
		"network cut":   func(_ *storetest.S3, p *storetest.Proxy) { p.CutAfter(most) },
	} {
		t.Run(name, func(t *testing.T) {
			server := storetest.StartS3(t)
			proxy := storetest.StartProxy(t, server.Addr)
			m := open(t, through(server, proxy))
			data := noise(parts*s3.PartSize + 4321)
			done := make(chan struct{})
			go func() { defer close(done); cut(server, proxy) }()
			err := put(t, m, "a", data)
			<-done
			if err == nil {
				t.Fatal("the upload was cut off, and is said to be whole")
			}
			trouble(t, m.Check(err), "store-missing")
			if name == "server killed" {
				refused(t, through(server, proxy), "store-missing")
				server.Start()
			}
			if _, _, err := m.Get(t.Context(), "a"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("there is an object before it is whole: %v", err)
			}
			before := proxy.Up()
			no(t, put(t, open(t, through(server, proxy)), "a", data))
			again := proxy.Up() - before
			if again > (parts-1)*s3.PartSize {
				t.Errorf("%d bytes of %d were sent again", again, len(data))
			}
			holds(t, m, "a", data)
			if n := unfinished(t, server); n != 0 {
				t.Errorf("%d uploads are left unfinished", n)
			}
		})
	}
}

// Parts with other content are sent again. Of several unfinished uploads the best is used, and none
// stays.
func TestUnfinishedUploadsOfOthers(t *testing.T) {
	server := storetest.StartS3(t)
	proxy := storetest.StartProxy(t, server.Addr)
	m := open(t, through(server, proxy))
	data := noise(4 * s3.PartSize)
	core := minio.Core{Client: server.Admin}
	begin := func(key string, numbers ...int) {
		id, err := core.NewMultipartUpload(t.Context(), server.Bucket, key, minio.PutObjectOptions{
			UserMetadata: map[string]string{"X-Amz-Checksum-Algorithm": "SHA256"}})
		no(t, err)
		for i, n := range numbers {
			part := bytes.Clone(data[(n-1)*s3.PartSize : n*s3.PartSize])
			if i == 0 {
				part[100]++ // the first of them is a part of something else
			}
			sum := sha256.Sum256(part)
			_, err := core.PutObjectPart(t.Context(), server.Bucket, key, id, n, bytes.NewReader(part), s3.PartSize,
				minio.PutObjectPartOptions{
					CustomHeader: map[string][]string{"X-Amz-Checksum-Sha256": {base64.StdEncoding.EncodeToString(sum[:])}}})
			no(t, err)
		}
	}
	begin("high-street/a")
	begin("high-street/a", 1, 2, 4)
	begin("high-street/a", 3, 4)
	begin("high-street/a-longer", 1)
	before := proxy.Up()
	no(t, put(t, m, "a", data))
	if sent := proxy.Up() - before; sent > 2*s3.PartSize+100_000 {
		t.Errorf("%d bytes were sent, where two parts were there", sent)
	}
	holds(t, m, "a", data)
	if n := unfinished(t, server); n != 1 {
		t.Errorf("%d uploads are left unfinished, want the one of another object", n)
	}
}

// An upload that the server finds faulty is not tried for ever.
func TestUselessUploadIsAborted(t *testing.T) {
	server := storetest.StartS3(t)
	core := minio.Core{Client: server.Admin}
	_, err := core.NewMultipartUpload(t.Context(), server.Bucket, "high-street/a", minio.PutObjectOptions{
		UserMetadata: map[string]string{"X-Amz-Checksum-Algorithm": "CRC32"}})
	no(t, err)
	m := open(t, kind(server))
	data := noise(s3.PartSize + 1)
	if err := put(t, m, "a", data); err != nil { // with another kind of sum
		t.Log(err)
		no(t, put(t, m, "a", data))
	}
	holds(t, m, "a", data)
}

func TestObjectLock(t *testing.T) {
	server := storetest.StartS3(t, storetest.ObjectLock)
	k := kind(server)
	k.Lock = 24 * time.Hour
	m := open(t, k)
	for _, size := range []int{10, s3.PartSize + 1} {
		name := []string{"small", "large"}[min(size/100, 1)]
		no(t, put(t, m, name, noise(size)))
		info, err := server.Admin.StatObject(t.Context(), server.Bucket, "high-street/"+name, minio.StatObjectOptions{})
		no(t, err)
		mode := info.Metadata.Get("X-Amz-Object-Lock-Mode")
		until, err := time.Parse(time.RFC3339, info.Metadata.Get("X-Amz-Object-Lock-Retain-Until-Date"))
		if left := time.Until(until); err != nil || mode != minio.Governance.String() || left > 24*time.Hour ||
			left < 23*time.Hour {
			t.Errorf("%s is locked in mode %q for %v (%v)", name, mode, left, err)
		}
		err = server.Admin.RemoveObject(t.Context(), server.Bucket, "high-street/"+name,
			minio.RemoveObjectOptions{VersionID: info.VersionID})
		if err == nil {
			t.Errorf("%s could be deleted", name)
		}
		if err := put(t, m, name, noise(5)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("putting over a locked object: %v", err)
		}
	}
}

func TestObjectLockWithoutItsBucket(t *testing.T) {
	k := kind(storetest.StartS3(t))
	k.Lock = time.Hour
	m := open(t, k)
	err := put(t, m, "a", noise(10))
	trouble(t, m.Check(err), "store-error", "object lock")
}

// An error of the recording's own disk is not the server's fault.
func TestRecordingCantBeRead(t *testing.T) {
	m := open(t, kind(storetest.StartS3(t)))
	broken := errors.New("the disk is broken")
	for _, size := range []int64{100, 2*s3.PartSize + 1} {
		err := m.Put(t.Context(), "a", failing{broken}, size)
		if !errors.Is(err, broken) || m.Check(err) != nil {
			t.Errorf("%v; the server's trouble: %v", err, m.Check(err))
		}
		err = m.Put(t.Context(), "a", bytes.NewReader(nil), size)
		if !errors.Is(err, io.ErrUnexpectedEOF) || m.Check(err) != nil {
			t.Errorf("%v; the server's trouble: %v", err, m.Check(err))
		}
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func TestAbort(t *testing.T) {
	server := storetest.StartS3(t)
	proxy := storetest.StartProxy(t, server.Addr)
	m := open(t, through(server, proxy))
	go func() {
		proxy.WaitUp(s3.PartSize)
		proxy.Hold()
		m.Abort()
	}()
	if err := put(t, m, "a", noise(4*s3.PartSize)); err == nil {
		t.Error("what was aborted is said to be done")
	}
	trouble(t, m.Check(nil), "store-missing")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := kind(server).Open(ctx)
	trouble(t, err, "store-error")
}
