//go:build linux

package storetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
)

// SFTPD is an SSH server in this process, in front of OpenSSH's sftp-server. A [Trait] between the
// two makes it differ from OpenSSH.
type SFTPD struct {
	Addr       string // 127.0.0.1:port
	User       string
	Key        string       // file of the user's private key
	KnownHosts string       // file, with the first of the server's keys
	Dir        string       // the folder for copies
	Read       atomic.Int64 // bytes of files sent to clients

	t      testing.TB
	trait  Trait
	config *ssh.ServerConfig
	done   sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool // guarded by mu; nil once the server has ended
}

// StartSFTPD starts a server with the given host keys, or a new one.
func StartSFTPD(t testing.TB, trait Trait, keys ...ssh.Signer) *SFTPD {
	t.Helper()
	home := folder(t, "")
	s := &SFTPD{t: t, trait: trait, User: "room-3", Key: filepath.Join(home, "key"),
		KnownHosts: filepath.Join(home, "known_hosts"),
		Dir:        filepath.Join(home, "copies"), conns: map[net.Conn]bool{}}
	must(t, os.Mkdir(s.Dir, 0o755))
	user := newKey(t, s.Key).PublicKey()
	if keys == nil {
		keys = []ssh.Signer{newKey(t, filepath.Join(home, "host_key"))}
	}
	s.config = &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(user.Marshal()) {
			return nil, fmt.Errorf("another key")
		}
		return nil, nil
	}}
	for _, key := range keys {
		s.config.AddHostKey(key)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s.Addr = listener.Addr().String()
	write(t, s.KnownHosts, "[127.0.0.1]:%d %s", listener.Addr().(*net.TCPAddr).Port,
		ssh.MarshalAuthorizedKey(keys[0].PublicKey()))
	s.done.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.done.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		s.Cut()
		s.mu.Lock()
		s.conns = nil
		s.mu.Unlock()
		s.done.Wait()
	})
	return s
}

// newKey makes a key and writes it to a file.
func newKey(t testing.TB, name string) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(private, "test")
	must(t, err)
	must(t, os.WriteFile(name, pem.EncodeToMemory(block), 0o600))
	key, err := ssh.NewSignerFromKey(private)
	must(t, err)
	return key
}

// Cut cuts all connections.
func (s *SFTPD) Cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
}

func (s *SFTPD) serve(conn net.Conn) {
	defer conn.Close()
	s.mu.Lock()
	over := s.conns == nil
	if !over {
		s.conns[conn] = true
	}
	s.mu.Unlock()
	if over {
		return
	}
	_, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	var all sync.WaitGroup
	defer all.Wait()
	for offered := range channels {
		channel, asked, err := offered.Accept()
		if err != nil {
			return
		}
		all.Go(func() {
			defer channel.Close()
			for r := range asked {
				sftp := r.Type == "subsystem" && strings.HasSuffix(string(r.Payload), "sftp")
				r.Reply(sftp, nil)
				if sftp {
					go ssh.DiscardRequests(asked)
					s.session(channel)
					return
				}
			}
		})
	}
}
