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
// What it promises:
//
//   - Only Addr is dialled. The server must show a key that KnownHosts has for it; where it has none, nothing is dialled, and
//     where the server shows another, nothing is sent, not even the user's name.
//   - Nothing hangs for ever: a connection on which nothing moves while something is awaited ends after Stall.
//   - Memory is bounded: 2 MiB of requests are under way, and reading back holds 2 MiB more.
//
// What holds for a copy on such a server:
//
//   - A write is cut into many requests that are under way at once. When one fails, later ones may have been carried out: the
//     file can then be longer than what was written, with a hole of zeros in it. So can it be after a lost connection.
//     Whoever goes on with a copy compares what it holds, from its begin.
//   - Sync asks for fsync@openssh.com, which OpenSSH has had since 6.5. Where a server does not offer it, Sync only says that the server
//     has taken everything (see [store.Limited]): what such a server loses when its
//     power fails, within the half minute or so that its system keeps writes in memory, is lost. SyncDir can't be had
//     over SFTP at all; with the file's own fsync the common file systems write its name too.
//   - Every extension of the protocol is optional, and so is much of the protocol itself. Without posix-rename@openssh.com a file whose place another
//     takes is removed first; where that is refused too, Rename fails. Without statvfs@openssh.com, or with numbers that make no sense, the room is unknown. A server that refuses to open
//     a file for reading and writing, or only if it does not exist, is asked for less.
//   - ReadBack gives what the server reads, which may come out of its memory; never out of this machine's.
//   - SFTP has one code for all that fails on a disk. It is taken for a full one when the server, asked for its free
//     space with statvfs@openssh.com, says that there is none. A user's quota is not seen so, unless the file system shows it
//     as the size of the disk, which XFS and ZFS do for a folder's quota.
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

// Kind is a configured SFTP store. It reads its files at each Open, so that a new key needs no
// restart.
type Kind struct {
	Addr       string // host:port
	User       string
	Path       string // absolute, on the server
	Key        string // file of the private key, without a passphrase
	KnownHosts string // file, as ssh has it
	// Spool is the unit's own folder of recordings, which a server on the same machine might serve; "":
	// there is none.
	Spool string

	Dial  time.Duration // how long connecting may take, to the last step; 0: 30 s
	Stall time.Duration // a connection on which nothing moves for so long ends; 0: 30 s
}

var _ store.Kind = Kind{}

const (
	defaultDial  = 30 * time.Second
	defaultStall = 30 * time.Second
	// unasked bytes may arrive that nothing asked for, while something is awaited.
	unasked = 1 << 20
	// underWay bytes of requests are sent before the first answer is awaited.
	underWay = 2 << 20
	// packet is what every server takes in one request, bigPacket what OpenSSH's takes
	// (sftp-common.h).
	packet    = 32 << 10
	bigPacket = 255 << 10
)

// Changed is nil: nobody tells of a server that came back.
func (k Kind) Changed() <-chan struct{} { return nil }

// Open connects, and looks for the folder.
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
		return nil, &store.Trouble{Code: health.StoreMissing, Err: fmt.Errorf("the SFTP server is not reached: %w", err)}
	}
	conn := stall.New(raw, cmp.Or(k.Stall, defaultStall))
	conn.Bound(unasked)
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
	if k.Spool != "" && sameMachine(raw) && m.isSpool(k.Spool) {
		m.Close()
		return nil, &store.Trouble{Code: health.StoreError, Err: fmt.Errorf(
			"%s on the SFTP server %s is the unit's own spool, %s: a copy there would be no second one; "+
				"name another server, or a folder on another disk", k.Path, k.Addr, k.Spool)}
	}
	return m, nil
}

// connect speaks SSH and then SFTP over conn, which the caller closes after an error.
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
	files, err := speak(client, packet)
	if err == nil && takesMore(transport, files) {
		files.Close()
		files, err = speak(client, bigPacket)
	}
	if err != nil {
		return nil, &store.Trouble{Code: health.StoreError, Err: fmt.Errorf(
			"the server accepts the key, but offers no SFTP to %s (internal-sftp, or the subsystem sftp in sshd_config): %w",
			k.User, err)}
	}
	m := newMedium(k, conn, client, files)
	if err := m.there(); err != nil {
		return nil, err
	}
	return m, nil
}

// speak starts to speak SFTP, in requests of so many bytes.
func speak(client *ssh.Client, packet int) (*sftp.Client, error) {
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
	said, err := session.StderrPipe()
	if err != nil {
		return nil, err
	}
	go func() { _, _ = io.Copy(io.Discard, said) }() // until the session ends: what waits there would hold up the rest
	if err := session.RequestSubsystem("sftp"); err != nil {
		return nil, err
	}
	return sftp.NewClientPipe(&counted{from: out}, in, sftp.UseConcurrentWrites(true), sftp.UseFstat(true),
		sftp.MaxConcurrentRequestsPerFile(underWay/packet), sftp.MaxPacketUnchecked(packet))
}

// takesMore reports whether the server is OpenSSH's, 8.5 or later. Others may have the extension
// too, and less to offer.
func takesMore(transport ssh.Conn, files *sftp.Client) bool {
	_, limits := files.HasExtension("limits@openssh.com")
	return limits && strings.HasPrefix(string(transport.ServerVersion()), "SSH-2.0-OpenSSH_")
}

// refusal says why connecting failed. expired is why it was given up, if it was.
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
		code, what = k.nothingCommon(none, known)
	case isRefused(err):
		code = health.StoreDenied
		what = fmt.Errorf("the SFTP server %s refuses the key %s for the user %q; add its public half to that user's authorized_keys: %w",
			k.Addr, k.Key, k.User, err)
	}
	return &store.Trouble{Code: code, Err: what}
}
