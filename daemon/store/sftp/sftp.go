//go:build unix

// Package sftp is the kind of store that is a folder on an SFTP server: the office's backup
// machine, mostly an OpenSSH.
//
//	kind := sftp.Kind{Addr: "backup.lan:22", User: "room-3", Path: "/recordings",
//		Key: "/etc/tacet/sftp_key", KnownHosts: "/etc/tacet/known_hosts"}
//
// The server needs an account with that key and nothing else: internal-sftp in a chroot will do,
// with no shell.
//
// Promises:
//
//   - Only Addr is dialled. The server must show a key that KnownHosts has for it. If it has none,
//     nothing is dialled; if the server shows another, nothing is sent, not even the user's name.
//   - Nothing hangs for ever: a connection without progress while something is awaited ends after
//     Stall.
//   - Memory is limited: at most 2 MiB of requests are in flight, and reading back holds 2 MiB
//     more.
//
// What to know about copies on such a server:
//
//   - A write is split into many requests in flight at once. If one fails, later ones may still
//     succeed: the file can then be longer than what was written, with a hole of zeros. A lost
//     connection can cause the same. So a follower that continues a copy compares all of it first.
//   - Sync uses fsync@openssh.com, which OpenSSH has had since 6.5. If a server lacks it, Sync
//     means only that the server has received everything (see [store.Limited]). If that server's
//     power fails within the half minute or so that its system keeps writes in memory, they are
//     lost. SFTP has no SyncDir; on the common file systems the file's own fsync also writes its
//     name.
//   - Every extension of the protocol is optional, and so is much of the protocol itself. Without
//     posix-rename@openssh.com a file that is to be replaced is removed first; if that is refused
//     too, Rename fails. Without statvfs@openssh.com, or with nonsensical numbers, the free space
//     is unknown. A server that refuses to open a file for reading and writing, or exclusively, is
//     asked for less.
//   - ReadBack returns what the server reads, perhaps from the server's memory, never from this
//     machine's.
//   - SFTP has one code for all disk errors. It counts as a full disk if statvfs@openssh.com
//     reports no free space. A user's quota isn't seen that way, unless the file system reports it
//     as the size of the disk, as XFS and ZFS do for a folder's quota.
package sftp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"tacet/daemon/health"
	"tacet/daemon/store"
	"tacet/daemon/store/stall"
)

// Kind is a configured SFTP store. It reads its files at each Open, so a new key needs no restart.
type Kind struct {
	Addr       string // host:port
	User       string
	Path       string // absolute, on the server
	Key        string // file of the private key, without a passphrase
	KnownHosts string // file in the format of ssh

	Dial  time.Duration // how long connecting may take in all; 0: 30 s
	Stall time.Duration // a connection without progress for so long ends; 0: 30 s
}

var _ store.Kind = Kind{}

const (
	defaultDial  = 30 * time.Second
	defaultStall = 30 * time.Second
	// maxUnasked bytes may arrive that nothing asked for, while something is awaited.
	maxUnasked = 1 << 20
	// maxInFlight bytes of requests are sent before the first answer is awaited.
	maxInFlight = 2 << 20
	// packet is what every server takes in one request, bigPacket what OpenSSH's takes
	// (sftp-common.h).
	packet    = 32 << 10
	bigPacket = 255 << 10
)

// Changed returns nil: nothing reports that a server came back.
func (k Kind) Changed() <-chan struct{} { return nil }

// Open connects, and checks the folder.
func (k Kind) Open(ctx context.Context) (store.Medium, error) {
	known, err := k.hostKeys()
	if err != nil {
		return nil, &store.Trouble{Code: health.StoreHostKey, Err: err}
	}
	signer, err := k.signer()
	if err != nil {
		return nil, &store.Trouble{Code: health.StoreError, Err: err}
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(k.Dial, defaultDial))
	defer cancel()
	dialer := net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: 15 * time.Second,
		Count: 4}}
	raw, err := dialer.DialContext(ctx, "tcp", k.Addr)
	if err != nil {
		return nil, &store.Trouble{Code: health.StoreMissing, Err: fmt.Errorf("the SFTP server can't be reached: %w", err)}
	}
	conn := stall.New(raw, cmp.Or(k.Stall, defaultStall))
	conn.Bound(maxUnasked)
	done := conn.Await()
	defer done()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	m, err := k.connect(conn, known, signer)
	if !stop() && err == nil { // closed already
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, k.refusal(err, ctx.Err(), known)
	}
	return m, nil
}

// connect starts SSH and then SFTP over conn. After an error the caller closes conn.
func (k Kind) connect(conn *stall.Conn, known *hostKeys, signer ssh.Signer) (*medium, error) {
	transport, channels, requests, err := ssh.NewClientConn(conn, k.Addr, &ssh.ClientConfig{
		User:              k.User,
		Auth:              []ssh.AuthMethod{ssh.PublicKeys(signer)},
		HostKeyCallback:   known.check,
		HostKeyAlgorithms: known.algorithms,
	})
	if err != nil {
		return nil, err
	}
	client := ssh.NewClient(transport, channels, requests)
	files, err := newClient(client, packet)
	if err == nil && takesBigPackets(transport, files) {
		files.Close()
		files, err = newClient(client, bigPacket)
	}
	if err != nil {
		return nil, &store.Trouble{Code: health.StoreError, Err: fmt.Errorf(
			"the server accepts the key, but offers %s no SFTP (internal-sftp, or the subsystem sftp in sshd_config): %w",
			k.User, err)}
	}
	m := newMedium(k, conn, client, files)
	if err := m.checkFolder(); err != nil {
		return nil, err
	}
	return m, nil
}

// newClient starts SFTP with requests of up to packet bytes.
func newClient(client *ssh.Client, packet int) (*sftp.Client, error) {
	session, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	in, err := session.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := session.StderrPipe()
	if err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }() // unread output would block the session
	if err := session.RequestSubsystem("sftp"); err != nil {
		return nil, err
	}
	return sftp.NewClientPipe(&listingLimiter{from: out}, in, sftp.UseConcurrentWrites(true), sftp.UseFstat(true),
		sftp.MaxConcurrentRequestsPerFile(maxInFlight/packet), sftp.MaxPacketUnchecked(packet))
}

// takesBigPackets reports whether the server is OpenSSH's, 8.5 or later. Others may have the
// extension too, and less to offer.
func takesBigPackets(transport ssh.Conn, files *sftp.Client) bool {
	_, limits := files.HasExtension("limits@openssh.com")
	return limits && strings.HasPrefix(string(transport.ServerVersion()), "SSH-2.0-OpenSSH_")
}

// refusal explains why connecting failed. expired is the context's error, if any.
func (k Kind) refusal(err, expired error, known *hostKeys) error {
	if t := (*store.Trouble)(nil); errors.As(err, &t) && expired == nil {
		return t
	}
	code, what := health.StoreMissing,
		fmt.Errorf("the connection to the SFTP server %s ended before it was ready: %w", k.Addr, err)
	var none *ssh.AlgorithmNegotiationError
	switch {
	case expired != nil:
		what = fmt.Errorf("the SFTP server %s does not answer in time: %w", k.Addr, expired)
	case isHostKey(err):
		code, what = health.StoreHostKey, k.wrongKey(err)
	case errors.As(err, &none):
		code, what = k.noCommonAlgorithm(none, known)
	case isRefused(err):
		code = health.StoreDenied
		what = fmt.Errorf("the SFTP server %s refuses the key %s for the user %q; add its public half to that user's "+
			"authorized_keys: %w",
			k.Addr, k.Key, k.User, err)
	}
	return &store.Trouble{Code: code, Err: what}
}
