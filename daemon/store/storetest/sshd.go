//go:build linux

package storetest

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"tacet/systemd/needs"
)

// SSHD is a running sshd. If root runs the test it serves the user daemon and, except with Chroot,
// runs as that user; otherwise it serves the user who runs the test. That user can log in with Key,
// for SFTP only.
type SSHD struct {
	Addr       string // 127.0.0.1:port
	User       string
	Key        string // file of the user's private key
	KnownHosts string // file, with the server's ed25519 key
	Path       string // the folder for copies, by its path on the server
	Dir        string // the same, by its path for the test
	Home       string // the folder of all its files

	process
	port       int
	uid, gid   int
	chroot     bool
	within     string // where Home is made
	disk       int64
	extensions string
}

// SSHOption configures a server.
type SSHOption func(*SSHD)

// Chroot confines the user to a folder that only root may write, as sshd_config(5) requires. It
// needs root.
func Chroot(s *SSHD) {
	needs.Root(s.t, "a chroot")
	s.chroot = true
	s.within = "/run" // only root may write any folder on its path
}

// Disk puts the folder for copies on a separate disk of size bytes. It needs root.
func Disk(size int64) SSHOption {
	return func(s *SSHD) { s.disk = size }
}

func (s *SSHD) mount() {
	if s.disk == 0 {
		return
	}
	needs.Kernel(s.t, "to mount a small disk", syscall.Mount("tmpfs", s.Dir, "tmpfs", 0, fmt.Sprintf("size=%d", s.disk)))
	s.t.Cleanup(func() { syscall.Unmount(s.Dir, syscall.MNT_DETACH) })
}

// Without makes the server refuse SFTP requests, named as for sftp-server's -P.
func Without(requests string) SSHOption { return func(s *SSHD) { s.extensions = " -P " + requests } }

// StartSSHD starts sshd, which "make test" installs.
func StartSSHD(t testing.TB, options ...SSHOption) *SSHD {
	t.Helper()
	s := &SSHD{process: process{t: t, ready: "Server listening on"}}
	for _, o := range options {
		o(s)
	}
	s.Home = folder(t, s.within)
	s.Key, s.KnownHosts, s.Dir = filepath.Join(s.Home, "key"), filepath.Join(s.Home, "known_hosts"),
		filepath.Join(s.Home, "root", "copies")
	s.chooseUser()
	must(t, os.MkdirAll(s.Dir, 0o755))
	s.mount()
	must(t, os.Chown(s.Dir, s.uid, s.gid))
	if s.Path = s.Dir; s.chroot {
		s.Path = "/copies"
		must(t, os.MkdirAll("/run/sshd", 0o755)) // its unprivileged process is confined there
	}
	s.NewKey(s.Key)
	must(t, os.Rename(s.Key+".pub", filepath.Join(s.Home, "authorized_keys")))
	for _, kind := range []string{"ed25519", "ecdsa"} { // most servers have more than one
		s.hostKey(kind)
	}
	program, err := exec.LookPath("sshd")
	if err != nil {
		program = "/usr/sbin/sshd"
	}
	if _, err := os.Stat(program); err != nil {
		t.Fatal("no sshd here: make test installs it (Debian package openssh-server)")
	}
	s.command = func() *exec.Cmd {
		cmd := exec.Command(program, "-D", "-e", "-f", filepath.Join(s.Home, "sshd_config"))
		if os.Getuid() == 0 && !s.chroot {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(s.uid), Gid: uint32(s.gid)}}
		}
		return cmd
	}
	s.tryPorts(func(port int) {
		s.port, s.Addr = port, fmt.Sprintf("127.0.0.1:%d", port)
		s.configure()
	})
	s.knownHosts("ssh_host_ed25519")
	return s
}

// chooseUser sets the user whom the server serves.
func (s *SSHD) chooseUser() {
	s.t.Helper()
	s.uid, s.gid, s.User = os.Getuid(), os.Getgid(), "daemon"
	if s.uid == 0 {
		other, err := user.Lookup(s.User)
		must(s.t, err)
		s.uid, _ = strconv.Atoi(other.Uid)
		s.gid, _ = strconv.Atoi(other.Gid)
		return
	}
	me, err := user.Current()
	must(s.t, err)
	s.User = me.Username
}

func (s *SSHD) configure() {
	s.t.Helper()
	root := ""
	if s.chroot {
		root = "ChrootDirectory " + filepath.Join(s.Home, "root") + "\n"
	}
	write(s.t, filepath.Join(s.Home, "sshd_config"), `Port %d
ListenAddress 127.0.0.1
HostKey %[2]s/ssh_host_ed25519
HostKey %[2]s/ssh_host_ecdsa
PidFile none
AuthorizedKeysFile %[2]s/authorized_keys
AuthenticationMethods publickey
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
ForceCommand internal-sftp -u 0022%[3]s
AllowTcpForwarding no
%[4]s`, s.port, s.Home, s.extensions, root)
	s.own()
}

// own makes the server's user the owner of its files, as it requires. A chroot still belongs to
// root.
func (s *SSHD) own() {
	s.t.Helper()
	if os.Getuid() != 0 || s.chroot {
		must(s.t, os.Chmod(filepath.Join(s.Home, "authorized_keys"), 0o644))
		return
	}
	must(s.t, filepath.WalkDir(s.Home, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, s.uid, s.gid)
	}))
}

// NewKey makes a key pair in the files name and name.pub.
func (s *SSHD) NewKey(name string) {
	s.t.Helper()
	s.keygen("ed25519", name)
}

func (s *SSHD) hostKey(kind string) {
	s.t.Helper()
	s.keygen(kind, filepath.Join(s.Home, "ssh_host_"+kind))
}

func (s *SSHD) keygen(kind, name string) {
	s.t.Helper()
	os.Remove(name)
	if out, err := exec.Command("ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "test", "-f",
		name).CombinedOutput(); err != nil {
		s.t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
}

// knownHosts writes the named host keys to KnownHosts.
func (s *SSHD) knownHosts(names ...string) {
	s.t.Helper()
	var lines []byte
	for _, name := range names {
		public, err := os.ReadFile(filepath.Join(s.Home, name+".pub"))
		must(s.t, err)
		lines = fmt.Appendf(lines, "[127.0.0.1]:%d %s", s.port, public)
	}
	must(s.t, os.WriteFile(s.KnownHosts, lines, 0o644))
}

// KnownAt sets KnownHosts to the server's key at another port, that of a proxy.
func (s *SSHD) KnownAt(port int) {
	s.t.Helper()
	was := s.port
	s.port = port
	defer func() { s.port = was }()
	s.knownHosts("ssh_host_ed25519")
}

// ChangeHostKeys restarts the server with new keys. KnownHosts keeps the old ones.
func (s *SSHD) ChangeHostKeys() {
	s.t.Helper()
	s.Kill()
	s.hostKey("ed25519")
	s.hostKey("ecdsa")
	s.own()
	s.Start()
}

// Kill kills the server and its children; Start starts it again at the same address.
func (s *SSHD) Kill() { s.kill() }

func (s *SSHD) Start() { s.t.Helper(); s.own(); s.start() }

// Freeze stops the server and its children without ending them: connections stay open, but nobody
// answers.
func (s *SSHD) Freeze() { s.t.Helper(); s.signal(syscall.SIGSTOP) }

func (s *SSHD) Thaw() { s.t.Helper(); s.signal(syscall.SIGCONT) }
