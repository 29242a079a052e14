//go:build linux

package storetest

import (
	"encoding/binary"
	"io"
	"os/exec"
	"slices"
	"sync"

	"golang.org/x/crypto/ssh"
)

// session connects a client with an sftp-server.
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
	relay := &relay{SFTPD: s, client: client, asked: map[uint32]Request{}}
	go func() {
		defer in.Close()
		relay.up(client, in)
	}()
	relay.down(out)
	client.Close()
}

// relay forwards packets between a client and a server, and applies the trait.
type relay struct {
	*SFTPD
	client io.Writer

	mu    sync.Mutex
	asked map[uint32]Request // requests not answered yet
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

// up forwards requests to the server, unless the trait answers them.
func (b *relay) up(from io.Reader, to io.Writer) {
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

func (b *relay) ask(r Request) []byte {
	if r.Type == SFTPExtended && slices.Contains(b.trait.Lacks, r.String(0)) {
		return r.Refuse(SFTPUnsup, "Operation unsupported")
	}
	if b.trait.Ask == nil {
		return nil
	}
	return b.trait.Ask(r)
}

// give sends an answer to the client.
func (b *relay) give(p []byte) error {
	if p[0] == SFTPData {
		b.Read.Add(int64(len(p) - 9))
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return send(b.client, p)
}

// down forwards answers to the client.
func (b *relay) down(from io.Reader) {
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

// version changes the extensions that the server offers.
func (b *relay) version(p []byte) []byte {
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
