//go:build linux

package sftp_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"tacet/daemon/health"
	"tacet/daemon/store/sftp"
	"tacet/daemon/store/storetest"
)

// signer returns a host key of a current type.
func signer(t *testing.T) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	no(t, err)
	s, err := ssh.NewSignerFromKey(key)
	no(t, err)
	return s
}

func oldSigner(t *testing.T) ssh.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	no(t, err)
	s, err := ssh.NewSignerFromKey(key)
	no(t, err)
	return s
}

// sha1Only is a signer of an old server, which only has ssh-rsa.
func sha1Only(t *testing.T) ssh.Signer {
	t.Helper()
	s, err := ssh.NewSignerWithAlgorithms(oldSigner(t).(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	no(t, err)
	return s
}

func line(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// People and ssh write the file: what OpenSSH accepts from it is accepted, whatever else is in it.
func TestKnownHostsAsOpenSSH(t *testing.T) {
	key, other := signer(t), signer(t)
	server := storetest.StartSFTPD(t, storetest.Trait{}, key)
	ours, theirs := line(key.PublicKey()), line(other.PublicKey())
	_, port, _ := strings.Cut(server.Addr, ":")
	at := "[localhost]:" + port
	hashedAt := knownhosts.HashHostname(at)
	for name, c := range map[string]struct {
		host string // as it is configured; localhost where empty
		text string
		bad  []string // words of the refusal; nil: it is taken
	}{
		"plain":                   {text: at + " " + ours},
		"a comment after":         {text: at + " " + ours + " root@backup\n# and a line"},
		"an unknown kind of key":  {text: "elsewhere ssh-mldsa65 AAAAC3NzaC1lZDI1NTE5AAAA\n" + at + " " + ours},
		"one for the same host":   {text: at + " ssh-mldsa65 AAAAC3NzaC1lZDI1NTE5AAAA\n" + at + " " + ours},
		"a line of nonsense":      {text: "not a line\nx\n\"\n" + at + " " + ours},
		"a torn line":             {text: at + " " + ours[:30] + "\n" + at + " " + ours},
		"an unknown marker":       {text: "@mistrusted " + at + " " + theirs + "\n" + at + " " + ours},
		"a line in capitals":      {text: "[LocalHost]:" + port + " " + ours},
		"configured in capitals":  {host: "LocalHost", text: at + " " + ours},
		"tabs, CRLF and a mark":   {text: "\ufeff" + at + "\t" + ours + "\r\n"},
		"spaces before":           {text: "   " + at + "  " + ours},
		"hashed":                  {text: hashedAt + " " + ours},
		"hashed, and in capitals": {host: "LOCALHOST", text: hashedAt + " " + ours},
		"a hash that is none":     {text: "|2|x|y " + theirs + "\n|1|!|! " + theirs + "\n" + hashedAt + " " + ours},
		"one of several names":    {text: "backup,[10.0.0.1]:2222," + at + " " + ours},
		"a star":                  {text: "* " + ours},
		"a star and a port":       {text: "[*host]:" + port + " " + ours},
		"a question mark":         {text: "[l?calhost]:" + port + " " + ours},
		"without the port":        {text: "localhost " + ours},
		"another key elsewhere":   {text: "localhost " + theirs + "\n" + at + " " + ours},
		"two keys":                {text: at + " " + theirs + "\n" + at + " " + ours},
		"an old key beside":       {text: at + " " + line(oldSigner(t).PublicKey()) + "\n" + at + " " + ours},
		"revoked elsewhere":       {text: "@revoked elsewhere " + ours + "\n" + at + " " + ours},

		"negated": {text: "*,!*localhost*:*,!l?calhost " + ours,
			bad: []string{"has no key for", "nothing was sent", "ssh-keyscan"}},
		"another host": {text: "elsewhere " + ours, bad: []string{"has no key for"}},
		"another port": {text: "[localhost]:1 " + ours, bad: []string{"has no key for"}},
		"odd lines only": {text: "x\n" + at + " ssh-mldsa65 AAAA\n",
			bad: []string{"has no key for", "lines that can't be parsed: 2, the first at "}},
		"another key": {text: at + " " + theirs,
			bad: []string{"does not show the key", "nothing was sent", ssh.FingerprintSHA256(key.PublicKey())}},
		"only the port's line counts where there is one": {text: "localhost " + ours + "\n" + at + " " + theirs,
			bad: []string{"does not show the key"}},
		"revoked": {text: at + " " + ours + "\n@revoked * " + ours, bad: []string{"revoked"}},
		"revoked before": {text: "@revoked " + at + " " + ours + "\n" + at + " " + ours,
			bad: []string{"revoked"}},
		"an authority that vouches for nothing": {text: "@cert-authority " + at + " " + ours,
			bad: []string{"they have none in common", "offers ssh-ed25519"}},
		"nothing": {bad: []string{"has no key for"}},
	} {
		t.Run(name, func(t *testing.T) {
			k := to(server)
			k.Addr = "localhost:" + port
			if c.host != "" {
				k.Addr = c.host + ":" + port
			}
			k.KnownHosts = filepath.Join(t.TempDir(), "known_hosts")
			no(t, os.WriteFile(k.KnownHosts, []byte(c.text), 0o600))
			if c.bad != nil {
				refused(t, k, health.StoreHostKey, c.bad...)
				return
			}
			m, err := k.Open(t.Context())
			if err != nil {
				t.Fatalf("%s\n%v", c.text, err)
			}
			no(t, m.Close())
		})
	}
}

// A missing common algorithm is no changed identity, unless the server could show the known type
// before.
func TestNoCommonAlgorithm(t *testing.T) {
	old, now := sha1Only(t), signer(t)
	server := storetest.StartSFTPD(t, storetest.Trait{}, old)
	refused(t, to(server), health.StoreError, "offers only host keys with ssh-rsa", "SHA-1", "nothing was sent",
		"ssh-keygen -t ed25519")

	server = storetest.StartSFTPD(t, storetest.Trait{}, now)
	k := to(server)
	k.KnownHosts = filepath.Join(t.TempDir(), "known_hosts")
	_, port, _ := strings.Cut(server.Addr, ":")
	no(t, os.WriteFile(k.KnownHosts, fmt.Appendf(nil, "[127.0.0.1]:%s %s\n", port, line(oldSigner(t).PublicKey())), 0o600))
	refused(t, k, health.StoreHostKey, "only keys of the types ssh-rsa", "offers ssh-ed25519", "nothing was sent",
		"ssh-keyscan")
}

// to returns a unit's configuration for the server.
func to(s *storetest.SFTPD) sftp.Kind {
	return sftp.Kind{Addr: s.Addr, User: s.User, Path: s.Dir, Key: s.Key, KnownHosts: s.KnownHosts}
}
