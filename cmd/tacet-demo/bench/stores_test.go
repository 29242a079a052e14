package bench_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"tacet/cmd/internal/stores"
	"tacet/cmd/tacet-demo/demotest"
	"tacet/config"
	"tacet/daemon/durable"
	"tacet/daemon/ledger"
	"tacet/daemon/recording"
	"tacet/daemon/recording/recordingtest"
	"tacet/daemon/spool"
	"tacet/daemon/store"
	"tacet/daemon/store/storetest"
)

// backlog is a spool whose recordings no store has yet.
type backlog struct {
	b     *testing.B
	dir   string // of the spool
	files []string
	spool *spool.Spool
	maker *stores.Maker
}

// newBacklog makes recordings, each of so many segments of so many bytes.
func newBacklog(b *testing.B, recordings, segments, size int) *backlog {
	b.Helper()
	k := &backlog{b: b, dir: filepath.Join(scratch(b), "spool")}
	must(b, os.MkdirAll(k.dir, 0o700))
	unit, office := recordingtest.NewUnit(b, "high-street", "room-3"), recordingtest.NewOffice(b, recordingtest.Classic)
	sound := make([]byte, size)
	for i := range recordings {
		spec := recordingtest.Spec{Unit: unit, For: []string{office.Recipient}, Segments: segments, ID: recording.NewID(),
			Started: recordingtest.Started.Add(time.Duration(i) * time.Minute), Sound: func(int) []byte { return sound }}
		name := recording.Name(spec.Started, "room-3", spec.ID)
		must(b, os.WriteFile(filepath.Join(k.dir, name), recordingtest.Make(b, spec), 0o400))
		k.files = append(k.files, name)
	}
	root, err := os.OpenRoot(k.dir)
	must(b, err)
	b.Cleanup(func() { root.Close() })
	k.spool, err = spool.Open(durable.OS(root))
	must(b, err)
	k.maker, err = stores.New(b.Context(), slog.New(slog.DiscardHandler))
	must(b, err)
	return k
}

// scratch makes a folder on a disk, not in memory.
func scratch(b *testing.B) string {
	dir, err := os.MkdirTemp("/var/tmp", "tacet-bench-")
	must(b, err)
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// follow copies the backlog to a store, and returns how long that takes.
func (k *backlog) follow(s config.Store) time.Duration {
	k.b.Helper()
	log := &noLog{}
	set := k.set(log, s)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	start := time.Now()
	go set.Run(ctx)
	k.await(set)
	return time.Since(start)
}

func (k *backlog) set(log store.Log, s config.Store) *store.Set {
	k.b.Helper()
	s.Name = "store"
	set, err := store.NewSet(store.Settings{
		Spool: k.spool, Ledger: log, Log: slog.New(slog.DiscardHandler), Release: store.ReleaseNever,
		Places:   []store.Place{{Name: s.Name, Kind: k.maker.Kind(&config.Config{})(s, nil)}},
		ClockSet: func() bool { return true }, Copied: func(string, string) {}, Released: func(string) {}, Changed: func() {},
		Conflict: func(_, why string) { k.b.Error(why) },
	})
	must(k.b, err)
	return set
}

func (k *backlog) await(set *store.Set) {
	k.b.Helper()
	for n, _ := set.Pending(); n > 0; n, _ = set.Pending() {
		if t := set.Stores()[0].Trouble; t != nil {
			k.b.Fatal(t)
		}
		time.Sleep(time.Millisecond) // a benchmark polls in real time
	}
}

// dropCaches is bash that makes the kernel forget what it has in memory of its disks.
const dropCaches = `s=; [ "$(id -u)" = 0 ] || s=sudo
	echo 3 | $s tee /proc/sys/vm/drop_caches >/dev/null
`

// cold drops the kernel's disk caches.
func cold(b *testing.B) {
	b.Helper()
	sh(b, "sync\n"+dropCaches)
}

// sh runs a bash script with -e.
func sh(b *testing.B, script string) {
	b.Helper()
	if out, err := exec.Command("bash", "-euc", script).CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
}

// speed compares ours with a script that does the same, in turn, from cold caches.
func (k *backlog) speed(what string, ours func() time.Duration, peer string, between func()) {
	k.b.Helper()
	var ratios, seconds, peers []float64
	for range rounds {
		cold(k.b)
		our := ours().Seconds()
		between()
		cold(k.b)
		start := time.Now()
		sh(k.b, peer)
		their := time.Since(start).Seconds()
		between()
		ratios, seconds, peers = append(ratios, their/our), append(seconds, our), append(peers, their)
	}
	atLeast(what, median(ratios), 0.9, "times as fast")
	measured("– ours", median(seconds), 0, "s")
	measured("– the peer", median(peers), 0, "s")
}

const (
	big      = 64      // recordings in a backlog
	segments = 16      // in each
	segment  = 1 << 20 // bytes
	gigabyte = "1 GB backlog"
)

func BenchmarkFolder(b *testing.B) {
	k, to := newBacklog(b, big, segments, segment), scratch(b)
	k.speed(gigabyte+" to a folder, against cp, sync, drop caches, cmp", func() time.Duration {
		return k.follow(config.Store{Kind: config.Folder, Path: to, UnmountedOK: true})
	}, fmt.Sprintf(`cp %[1]s/*.tacet %[2]s/; sync
		%[3]s
		for f in %[1]s/*.tacet; do cmp $f %[2]s/${f##*/}; done`, k.dir, to, dropCaches), func() { clearFolder(b, to) })
}

func BenchmarkSFTP(b *testing.B) {
	k, sshd := newBacklog(b, big, segments, segment), storetest.StartSSHD(b)
	host, port, _ := strings.Cut(sshd.Addr, ":")
	sftp := fmt.Sprintf("sftp -q -b - -P %s -i %s -o UserKnownHostsFile=%s -o IdentitiesOnly=yes %s@%s", port, sshd.Key,
		sshd.KnownHosts, sshd.User, host)
	k.speed(gigabyte+" to OpenSSH on loopback, against sftp put, sftp get, cmp", func() time.Duration {
		return k.follow(config.Store{Kind: config.SFTP, URL: fmt.Sprintf("sftp://%s@%s%s", sshd.User, sshd.Addr, sshd.Path),
			Key: sshd.Key, KnownHosts: sshd.KnownHosts})
	}, fmt.Sprintf(`back=$(mktemp -d /dev/shm/tacet-bench-XXXX); trap 'rm -rf $back' EXIT
		printf 'put %%s %[3]s/\n' %[1]s/*.tacet | %[2]s >/dev/null
		for f in %[1]s/*.tacet; do echo "get %[3]s/${f##*/} $back/copy"; echo "!cmp $f $back/copy"; done | %[2]s >/dev/null
		`, k.dir, sftp, sshd.Path), func() { clearFolder(b, sshd.Dir) })
}

func BenchmarkS3(b *testing.B) {
	k, s3 := newBacklog(b, big, segments, segment), storetest.StartS3(b)
	secret := func(path string) string {
		text, err := os.ReadFile(path)
		must(b, err)
		return strings.TrimSpace(string(text))
	}
	rclone := fmt.Sprintf(`unset AWS_CA_BUNDLE
		export RCLONE_CONFIG=/dev/null RCLONE_S3_NO_CHECK_BUCKET=true RCLONE_CONFIG_X_TYPE=s3
		export RCLONE_CONFIG_X_PROVIDER=Other RCLONE_CONFIG_X_ENDPOINT=%s RCLONE_CONFIG_X_REGION=%s
		export RCLONE_CONFIG_X_ACCESS_KEY_ID=%s RCLONE_CONFIG_X_SECRET_ACCESS_KEY='%s'
		`, s3.URL, s3.Region, secret(s3.AccessFile), secret(s3.SecretFile))
	k.speed(gigabyte+" to an S3 server on loopback, against rclone copy, rclone check --download", func() time.Duration {
		return k.follow(config.Store{Kind: config.S3, Endpoint: s3.URL, Bucket: s3.Bucket, Region: s3.Region, PathStyle: true,
			AccessKeyFile: s3.AccessFile, SecretKeyFile: s3.SecretFile})
	}, rclone+fmt.Sprintf("rclone -q copy %[1]s X:%[2]s; rclone -q check --download %[1]s X:%[2]s", k.dir, s3.Bucket),
		func() {
			for _, name := range k.files {
				must(b, s3.Admin.RemoveObject(b.Context(), s3.Bucket, name, minio.RemoveObjectOptions{}))
			}
		})
}

func clearFolder(b *testing.B, dir string) {
	b.Helper()
	sh(b, "rm -f "+dir+"/*.tacet")
}

// BenchmarkMany starts with 10,000 recordings in the spool and at a store, and copies one more;
// then it does the same with 100.
func BenchmarkMany(b *testing.B) {
	more := map[int]time.Duration{}
	for _, n := range []int{100, 10_000} {
		k, to := newBacklog(b, n, 1, 100), scratch(b)
		log := openLedger(b)
		for _, name := range k.files {
			must(b, os.Link(filepath.Join(k.dir, name), filepath.Join(to, name)))
			_, _, id, err := recording.ParseName(name)
			must(b, err)
			must(b, log.Copied(id, "store"))
		}
		cold(b)
		start := time.Now()
		set := k.set(log, config.Store{Kind: config.Folder, Path: to, UnmountedOK: true})
		ready := time.Since(start)
		if n == 10_000 {
			measured("start with 10,000 recordings in the spool and at a store", ready.Seconds(), 2, "s")
		}
		ctx, stop := context.WithCancel(context.Background())
		go set.Run(ctx)
		for range 2 { // the first one waits for the end of the start
			one := newBacklog(b, 1, 1, 100).take(k)
			start = time.Now()
			set.Ended(one, true)
			k.await(set)
			more[n] = time.Since(start)
		}
		stop()
	}
	measured("one recording more, with 10,000 there", float64(more[10_000].Milliseconds()), 0, "ms")
	measured("– with 100 there", float64(more[100].Milliseconds()), 0, "ms")
}

// take moves the only recording of a backlog into another's spool, and returns its name.
func (k *backlog) take(to *backlog) string {
	k.b.Helper()
	started, room, id, err := recording.ParseName(k.files[0])
	must(k.b, err)
	name := recording.Name(started.Add(365*24*time.Hour), room, id)
	must(k.b, os.Rename(filepath.Join(k.dir, k.files[0]), filepath.Join(to.dir, name)))
	return name
}

// noLog is a store.Log that keeps nothing.
type noLog struct{}

func (*noLog) History(func(what store.Deed, id, place string, at time.Time)) error { return nil }
func (*noLog) Copied(string, string) error                                         { return nil }
func (*noLog) Released(string) error                                               { return nil }
func (*noLog) Expired(string, string) error                                        { return nil }

// ledgerLog is a ledger as a store.Log.
type ledgerLog struct{ *ledger.Ledger }

func openLedger(b *testing.B) ledgerLog {
	b.Helper()
	root, err := os.OpenRoot(b.TempDir())
	must(b, err)
	b.Cleanup(func() { root.Close() })
	l, err := ledger.Open(durable.OS(root), "ledger", "tacet/high-street/room-3/ledger",
		recordingtest.NewUnit(b, "high-street", "room-3").Signer, true)
	must(b, err)
	return ledgerLog{l}
}

func (k ledgerLog) History(tell func(what store.Deed, id, place string, at time.Time)) error {
	return k.Ledger.History(func(e ledger.Entry) {
		if e.Type == ledger.Copied {
			tell(store.WasCopied, e.ID, e.Store, e.Time)
		}
	})
}

func (k ledgerLog) Copied(id, store string) error {
	return k.Append(ledger.Entry{Type: ledger.Copied, Time: time.Now(), ID: id, Store: store})
}
func (k ledgerLog) Released(string) error        { return nil }
func (k ledgerLog) Expired(string, string) error { return nil }

// BenchmarkWear measures how much a recording writes to the disk: a unit in real time, with its
// spool on an ext4 of its own, as mkfs makes it.
func BenchmarkWear(b *testing.B) {
	image, at := filepath.Join(scratch(b), "disk"), scratch(b)
	sh(b, fmt.Sprintf("truncate -s 1G %[1]s; mkfs.ext4 -q %[1]s", image))
	out, err := exec.Command("bash", "-euc", fmt.Sprintf(`s=; [ "$(id -u)" = 0 ] || s=sudo
		d=$($s losetup -f --show %s); $s mount $d %s; $s chmod 777 %[2]s; echo ${d#/dev/}`, image, at)).Output()
	must(b, err)
	device := strings.TrimSpace(string(out))
	defer sh(b, fmt.Sprintf(`s=; [ "$(id -u)" = 0 ] || s=sudo; $s umount %s; $s losetup -d /dev/%s`, at, device))

	unit := demotest.NewUnit(b, demotest.Settings{Codec: "opus", Device: "voice", Spool: filepath.Join(at, "spool"),
		Parties: []string{"room"}})
	demo := unit.Start(b)
	demo.Consent()
	demo.Until("two seconds", demotest.Recorded(1, 2))
	file := unit.Path(demo.Panel().Recordings[0].File)
	size := func() float64 {
		info, err := os.Stat(file)
		must(b, err)
		return float64(info.Size())
	}
	pid := demo.UnitPid()
	calls := traceWrites(b, pid)
	bytes, dev := size(), sectors(b, device)
	wait(duration(b))
	bytes, dev = size()-bytes, sectors(b, device)-dev
	disk := calls(at)
	demo.Press("room")
	demo.Until("the end", demotest.Ended(1, "whole"))
	demo.Stop() // it keeps the disk mounted
	measured("bytes that the process writes to disk for each byte of recording", disk/bytes, 1.5, "")
	measured("bytes that the device writes for each (ext4 as mkfs makes it)", dev/bytes, 5, "")
	measured("– on a day of six consulting hours", dev/duration(b).Seconds()*6*3600/1e6, 0, "MB")
}

// sectors returns what a block device has written, in bytes.
func sectors(b *testing.B, device string) float64 {
	b.Helper()
	text, err := os.ReadFile("/sys/block/" + device + "/stat")
	must(b, err)
	var n float64
	_, err = fmt.Sscan(strings.Fields(string(text))[6], &n)
	must(b, err)
	return n * 512
}

// traceWrites traces all writing system calls of a process with strace. The function it returns
// stops that, and returns how many bytes went to files in a folder.
func traceWrites(b *testing.B, pid int) func(in string) float64 {
	b.Helper()
	log := filepath.Join(b.TempDir(), "strace")
	tracer := exec.Command("strace", "-ff", "-y", "-s", "0", "-o", log, "-p", fmt.Sprint(pid),
		"-e", "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,sendfile,splice,copy_file_range")
	messages, err := tracer.StderrPipe()
	must(b, err)
	must(b, tracer.Start())
	for lines := bufio.NewScanner(messages); lines.Scan() && !strings.Contains(lines.Text(), "attached"); {
	}
	go io.Copy(io.Discard, messages)
	return func(in string) (there float64) {
		tracer.Process.Signal(os.Interrupt)
		tracer.Wait() // its error says how it was stopped
		threads, err := filepath.Glob(log + ".*")
		must(b, err)
		var text []byte
		for _, thread := range threads {
			calls, err := os.ReadFile(thread)
			must(b, err)
			text = append(text, calls...)
		}
		for _, m := range regexp.MustCompile(`(?m)\(\d+<([^>]*)>.*= (\d+)$`).FindAllStringSubmatch(string(text), -1) {
			n, err := strconv.ParseFloat(m[2], 64)
			must(b, err)
			if strings.HasPrefix(m[1], in+"/") {
				there += n
			}
		}
		if there == 0 {
			b.Fatalf("strace saw nothing written in %s", in)
		}
		return there
	}
}

func wait(d time.Duration) { <-time.After(d) }
