//go:build linux

package storetest

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"
)

// SFTPD is an SSH server in this process, with OpenSSH's own sftp-server after it, and between the
// two what makes it another server: a [Trait].
type SFTPD struct {
	Addr       string // 127.0.0.1:port
	User       string
	Key        string       // file of the user's private key
	KnownHosts string       // file, with the first of the server's keys
	Dir        string       // the folder for copies
	Read       atomic.Int64 // bytes of files that were given out

	t      testing.TB
	trait  Trait
	config *ssh.ServerConfig
	done   sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool // guarded by mu; nil: the server has ended
}

// Trait is what tells a server from OpenSSH's. Any goroutine may call its functions.
type Trait struct {
	Lacks []string // extensions that are neither offered nor carried out
	Adds  map[string]string
	// Ask answers a request in the server's place; nil: the server is asked.
	Ask func(r Request) (answer []byte)
	// Answer changes what the server answers; nil: its answers are given on.
	Answer func(r Request, answer []byte) []byte
}

// Request is one request of the SFTP protocol, version 3.
type Request struct {
	Type byte
	ID   uint32
	Body []byte // what follows the number
}

// Types of requests and answers.
const (
	SFTPInit, SFTPVersion                       = 1, 2
	SFTPOpen, SFTPClose, SFTPRead, SFTPWrite    = 3, 4, 5, 6
	SFTPLstat, SFTPFstat, SFTPSetstat           = 7, 8, 9
	SFTPFsetstat, SFTPOpendir, SFTPReaddir      = 10, 11, 12
	SFTPRemove, SFTPStat, SFTPRename            = 13, 17, 18
	SFTPExtended                                = 200
	SFTPStatus, SFTPHandle, SFTPData            = 101, 102, 103
	SFTPName, SFTPAttrs, SFTPExtendedReply      = 104, 105, 201
	SFTPOK, SFTPEOF, SFTPNoSuchFile             = 0, 1, 2
	SFTPDenied, SFTPFailure, SFTPBad, SFTPUnsup = 3, 4, 5, 8
)

// String is the nth string of a request's body.
func (r Request) String(n int) string {
	body := r.Body
	for ; ; n-- {
		if len(body) < 4 {
			return ""
		}
		size := int(binary.BigEndian.Uint32(body))
		if size > len(body)-4 {
			return ""
		}
		if n == 0 {
			return string(body[4 : 4+size])
		}
		body = body[4+size:]
	}
}

// Flags are those of a request to open.
func (r Request) Flags() uint32 {
	at := 4 + len(r.String(0))
	if r.Type != SFTPOpen || len(r.Body) < at+4 {
		return 0
	}
	return binary.BigEndian.Uint32(r.Body[at:])
}

// Packet is an answer to a request.
func (r Request) Packet(kind byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, r.ID), body...)
}

// Refuse is an answer that says no, with one of the protocol's codes.
func (r Request) Refuse(code uint32, text string) []byte {
	body := binary.BigEndian.AppendUint32(nil, code)
	body = append(binary.BigEndian.AppendUint32(body, uint32(len(text))), text...)
	return r.Packet(SFTPStatus, binary.BigEndian.AppendUint32(body, 0))
}

// StartSFTPD starts a server. Without keys it makes one.
func StartSFTPD(t testing.TB, trait Trait, keys ...ssh.Signer) *SFTPD {
	t.Helper()
	home := folder(t, "")
	s := &SFTPD{t: t, trait: trait, User: "room-3", Key: filepath.Join(home, "key"),
		KnownHosts: filepath.Join(home, "known_hosts"),
		Dir:        filepath.Join(home, "copies"), conns: map[net.Conn]bool{}}
	must(t, os.Mkdir(s.Dir, 0o755))
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(private, "test")
	must(t, err)
	must(t, os.WriteFile(s.Key, pem.EncodeToMemory(block), 0o600))
	users, err := ssh.NewPublicKey(public)
	must(t, err)
	if keys == nil {
		_, host, err := ed25519.GenerateKey(rand.Reader)
		must(t, err)
		key, err := ssh.NewSignerFromKey(host)
		must(t, err)
		keys = []ssh.Signer{key}
	}
	s.config = &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		if string(key.Marshal()) != string(users.Marshal()) {
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

// Cut drops every connection.
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

// session stands between a client and an sftp-server.
func (s *SFTPD) session(client ssh.Channel) {
	cmd := exec.Command("/usr/lib/openssh/sftp-server", "-e", "-u", "0022")
	in, err := cmd.StdinPipe()
	if err != nil {
		return
	}
	out, err := cmd.StdoutPipe()
	if err != nil || cmd.Start() != nil {
		return
	}
	defer cmd.Wait()
	between := &between{SFTPD: s, client: client, asked: map[uint32]Request{}}
	go func() {
		defer in.Close()
		between.up(client, in)
	}()
	between.down(out)
	client.Close()
}

type between struct {
	*SFTPD
	client io.Writer

	mu    sync.Mutex
	asked map[uint32]Request // without an answer yet
}

func packet(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	p := make([]byte, binary.BigEndian.Uint32(size[:]))
	_, err := io.ReadFull(r, p)
	return p, err
}

func send(w io.Writer, p []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(p))), p...))
	return err
}

// up carries requests to the server, but for those that it is not asked.
func (b *between) up(from io.Reader, to io.Writer) {
	for {
		p, err := packet(from)
		if err != nil {
			return
		}
		if p[0] != SFTPInit && len(p) >= 5 {
			r := Request{p[0], binary.BigEndian.Uint32(p[1:]), p[5:]}
			if answer := b.ask(r); answer != nil {
				b.give(answer)
				continue
			}
			b.mu.Lock()
			b.asked[r.ID] = r
			b.mu.Unlock()
		}
		if send(to, p) != nil {
			return
		}
	}
}

func (b *between) ask(r Request) []byte {
	if r.Type == SFTPExtended && slices.Contains(b.trait.Lacks, r.String(0)) {
		return r.Refuse(SFTPUnsup, "Operation unsupported")
	}
	if b.trait.Ask == nil {
		return nil
	}
	return b.trait.Ask(r)
}

// give sends an answer to the client.
func (b *between) give(p []byte) error {
	if p[0] == SFTPData {
		b.Read.Add(int64(len(p) - 9))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return send(b.client, p)
}

// down carries answers to the client.
func (b *between) down(from io.Reader) {
	for {
		p, err := packet(from)
		if err != nil {
			return
		}
		if p[0] == SFTPVersion {
			p = b.version(p)
		} else if len(p) >= 5 {
			id := binary.BigEndian.Uint32(p[1:])
			b.mu.Lock()
			r, asked := b.asked[id]
			delete(b.asked, id)
			b.mu.Unlock()
			if asked && b.trait.Answer != nil {
				p = b.trait.Answer(r, p)
			}
		}
		if b.give(p) != nil {
			return
		}
	}
}

// version leaves out extensions that the server lacks.
func (b *between) version(p []byte) []byte {
	kept := slices.Clone(p[:5])
	add := func(texts ...string) {
		for _, text := range texts {
			kept = append(binary.BigEndian.AppendUint32(kept, uint32(len(text))), text...)
		}
	}
	all := Request{Body: p[5:]}
	for n := 0; all.String(n) != ""; n += 2 {
		if !slices.Contains(b.trait.Lacks, all.String(n)) && b.trait.Adds[all.String(n)] == "" {
			add(all.String(n), all.String(n+1))
		}
	}
	for name, data := range b.trait.Adds {
		add(name, data)
	}
	return kept
}
