//go:build linux

package sftp_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tacet/config/textfile/textfiletest"
	"tacet/daemon/durable"
	"tacet/daemon/store/sftp"
	"tacet/daemon/store/storetest"
)

func TestServerAway(t *testing.T) {
	server := storetest.StartSSHD(t)
	server.Kill()
	refused(t, kind(server), "store-missing", "can't be reached", server.Addr)
}

// A server with another key doesn't even learn who wants to log in.
func TestHostKeyChanged(t *testing.T) {
	server := storetest.StartSSHD(t)
	m := open(t, kind(server))
	no(t, m.Close())
	server.ChangeHostKeys()
	refused(t, kind(server), "store-host-key", "nothing was sent", "ssh-keyscan", server.KnownHosts)
	entries, err := os.ReadDir(server.Dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("the server was given %v (%v)", entries, err)
	}
}

// A server without a known key is not even dialled.
func TestHostKeyUnknown(t *testing.T) {
	server := storetest.StartSSHD(t)
	proxy := storetest.StartProxy(t, server.Addr)
	k := kind(server)
	k.Addr = proxy.Addr
	refused(t, k, "store-host-key", "nothing was sent", "ssh-keyscan -p ", " 127.0.0.1 >> "+server.KnownHosts)
	if proxy.Up() != 0 {
		t.Errorf("%d bytes were sent", proxy.Up())
	}
	k.KnownHosts = filepath.Join(server.Home, "missing")
	refused(t, k, "store-host-key", "no such file", "ssh-keyscan -p ")
	no(t, os.WriteFile(k.KnownHosts, []byte("no line of known hosts\n"), 0o600))
	refused(t, k, "store-host-key", "can't be parsed")
}

// The server also has an ecdsa key, and may prefer it: it must show the known one. Names may be
// hashed.
func TestHostKeyOfSeveralAndHashed(t *testing.T) {
	server := storetest.StartSSHD(t)
	if out, err := exec.Command("ssh-keygen", "-q", "-H", "-f", server.KnownHosts).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if text, err := os.ReadFile(server.KnownHosts); err != nil || !strings.HasPrefix(string(text), "|1|") {
		t.Fatalf("the names are not hashed: %s (%v)", text, err)
	}
	no(t, open(t, kind(server)).Close())

	ecdsa, err := os.ReadFile(filepath.Join(server.Home, "ssh_host_ecdsa.pub"))
	no(t, err)
	_, port, _ := strings.Cut(server.Addr, ":")
	no(t, os.WriteFile(server.KnownHosts, []byte("[127.0.0.1]:"+port+" "+string(ecdsa)), 0o600))
	no(t, open(t, kind(server)).Close())

	no(t, os.WriteFile(server.KnownHosts, []byte("[127.0.0.1]:"+port+" "+string(ecdsa)+"@revoked * "+string(ecdsa)),
		0o600))
	refused(t, kind(server), "store-host-key")
}

// An authority may vouch for the keys, as in a large practice.
func TestHostKeyOfAuthority(t *testing.T) {
	server := storetest.StartSSHD(t)
	authority := filepath.Join(server.Home, "authority")
	server.NewKey(authority)
	host := filepath.Join(server.Home, "ssh_host_ed25519")
	if out, err := exec.Command("ssh-keygen", "-q", "-s", authority, "-I", "host", "-h", "-n", "127.0.0.1",
		host+".pub").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	server.Kill()
	config := filepath.Join(server.Home, "sshd_config")
	text, err := os.ReadFile(config)
	no(t, err)
	no(t, os.WriteFile(config, append([]byte("HostCertificate "+host+"-cert.pub\n"), text...), 0o600))
	server.Start()
	public, err := os.ReadFile(authority + ".pub")
	no(t, err)
	_, port, _ := strings.Cut(server.Addr, ":")
	no(t, os.WriteFile(server.KnownHosts, []byte("@cert-authority [127.0.0.1]:"+port+" "+string(public)), 0o600))
	no(t, open(t, kind(server)).Close())

	server.NewKey(authority) // another authority
	public, err = os.ReadFile(authority + ".pub")
	no(t, err)
	no(t, os.WriteFile(server.KnownHosts, []byte("@cert-authority [127.0.0.1]:"+port+" "+string(public)), 0o600))
	refused(t, kind(server), "store-host-key")
}

func TestKeyRefused(t *testing.T) {
	server := storetest.StartSSHD(t)
	k := kind(server)
	k.Key = filepath.Join(server.Home, "other")
	server.NewKey(k.Key)
	refused(t, k, "store-denied", k.Key, server.User, "authorized_keys")
	k = kind(server)
	k.User = "somebody-else"
	refused(t, k, "store-denied", "somebody-else")
}

func TestKeyUnusable(t *testing.T) {
	server := storetest.StartSSHD(t)
	k := kind(server)
	no(t, os.Chmod(k.Key, 0o604))
	refused(t, k, "store-error", "everybody", "chmod 640")
	no(t, os.Chmod(k.Key, 0o640))
	no(t, open(t, k).Close())
	no(t, os.Chmod(k.Key, 0o600))
	if out, err := exec.Command("ssh-keygen", "-q", "-p", "-N", "secret", "-f", k.Key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	refused(t, k, "store-error", "passphrase", "ssh-keygen -p")
	no(t, os.WriteFile(k.Key, []byte("hunter2"), 0o600))
	_, err := k.Open(t.Context())
	trouble(t, err, "store-error", "not a private key")
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error shows what the file holds: %v", err)
	}
	k.Key = filepath.Join(server.Home, "missing")
	refused(t, k, "store-error", k.Key)
}

func TestFolderMissing(t *testing.T) {
	server := storetest.StartSSHD(t)
	k := kind(server)
	k.Path += "/none"
	refused(t, k, "store-error", "the folder "+k.Path, "make it")
	no(t, os.WriteFile(filepath.Join(server.Dir, "none"), nil, 0o600))
	refused(t, k, "store-error", "not a folder")

	m := open(t, kind(server))
	no(t, os.RemoveAll(server.Dir))
	_, err := m.FS().Create("a")
	trouble(t, m.Check(err), "store-error", "the folder "+server.Path)
}

func TestDiskFull(t *testing.T) {
	server := storetest.StartSSHD(t, storetest.Disk(16<<20))
	m := open(t, kind(server))
	f, err := m.FS().Create("a")
	no(t, err)
	for range 32 {
		if _, err = f.Write(noise(1 << 20)); err != nil {
			break
		}
	}
	trouble(t, m.Check(err), "store-full", "full")
	if free, total, err := m.FS().Space(); err != nil || free > 1<<20 || total != 16<<20 {
		t.Errorf("%d of %d bytes are free (%v)", free, total, err)
	}
	no(t, m.Check(nil)) // looking at a full disk is no failure
	f.Close()           // until then its bytes stay
	no(t, m.FS().Remove("a"))
	no(t, durable.WriteFile(m.FS(), "b", noise(1<<20)))
	no(t, m.Check(errors.New("something else")))
}

func TestFolderNotWritable(t *testing.T) {
	server := storetest.StartSSHD(t)
	m := open(t, kind(server))
	no(t, os.Chmod(server.Dir, 0o555))
	defer os.Chmod(server.Dir, 0o755)
	_, err := m.FS().Create("a")
	if !errors.Is(err, fs.ErrPermission) {
		t.Fatalf("creating where nothing may be: %v", err)
	}
	trouble(t, m.Check(err), "store-readonly", server.User)
}

// A server with fewer features than OpenSSH still gets copies.
func TestServerWithoutExtensions(t *testing.T) {
	server := storetest.StartSSHD(t, storetest.Without("fsync,statvfs,posix-rename,setstat,fsetstat"))
	m := open(t, kind(server))
	f, err := m.FS().Create("a")
	no(t, err)
	_, err = f.Write([]byte("x"))
	no(t, err)
	no(t, f.Sync())
	no(t, f.Close())
	no(t, m.FS().Rename("a", "b"))
	if _, _, err := m.FS().Space(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("room is told by a server that can't be asked: %v", err)
	}
	no(t, m.Check(nil))
	if string(readBack(t, m, "b")) != "x" {
		t.Error("the copy holds something else")
	}
}

// A folder with endless names doesn't fill the memory; the connection survives the refusal.
func TestListingIsBounded(t *testing.T) {
	server := storetest.StartSSHD(t)
	for i := range 2000 {
		no(t, os.WriteFile(filepath.Join(server.Dir, fmt.Sprintf("%d-%s", i, strings.Repeat("x", 200))), nil, 0o600))
	}
	m := open(t, kind(server))
	undo := sftp.LimitListing(100_000)
	_, err := m.FS().ReadDir(".")
	undo()
	if !errors.Is(err, durable.ErrTooMany) {
		t.Errorf("a listing that is too long: %v", err)
	}
	if all, err := m.FS().ReadDir("."); len(all) != 2000 || err != nil {
		t.Errorf("%d files are listed, want 2000 (%v)", len(all), err)
	}
}

// Whatever program saved the unit's key and the list of hosts, they are the same key and hosts,
// even if the list is longer than a pipe holds.
func TestFilesSavedOnWindows(t *testing.T) {
	server := storetest.StartSSHD(t)
	lines, err := os.ReadFile(server.KnownHosts)
	no(t, err)
	for _, more := range []string{"", strings.Repeat("# another host\n", 10_000)} {
		no(t, os.WriteFile(server.KnownHosts, append(lines, more...), 0o600))
		textfiletest.SavedOnWindows(t, func(way string) {
			m, err := kind(server).Open(t.Context())
			if err != nil {
				t.Errorf("%s, %d bytes more: %v", way, len(more), err)
				return
			}
			no(t, m.Close())
		}, server.Key, server.KnownHosts)
	}
	no(t, os.WriteFile(server.KnownHosts,
		append([]byte("\ufeffno line of known hosts\n"), strings.Repeat("# another host\n", 10_000)...), 0o600))
	refused(t, kind(server), "store-host-key", "can't be parsed", server.KnownHosts+":1")
}
