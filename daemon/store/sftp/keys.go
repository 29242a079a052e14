//go:build unix

package sftp

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"tacet/config/textfile"
)

// maxFile bounds a key file and a list of known hosts.
const maxFile = 1 << 20

// hostKeys are what the server may show.
type hostKeys struct {
	check ssh.HostKeyCallback
	// algorithms are those of the known keys: a server with several keys must show one that can be compared.
	algorithms []string
}

// hostKeys reads what the file of known hosts has of the server.
func (k Kind) hostKeys() (*hostKeys, error) {
	text, err := textfile.Read(k.KnownHosts, maxFile)
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, k.scan())
	}
	check, err := checkOf(text, k.KnownHosts)
	if err != nil {
		return nil, fmt.Errorf("the known hosts can't be understood: %w", err)
	}
	// Asked about a key that nobody has, it names those that it would take.
	var unknown *knownhosts.KeyError
	if err := check(k.Addr, &net.TCPAddr{}, noKey{}); !errors.As(err, &unknown) || len(unknown.Want) == 0 {
		return nil, fmt.Errorf("%s has no key of %s, so that anybody could pose as it; nothing was sent; %s", k.KnownHosts, k.Addr, k.scan())
	}
	keys := &hostKeys{check: check}
	add := func(names ...string) {
		for _, name := range names {
			if !slices.Contains(keys.algorithms, name) {
				keys.algorithms = append(keys.algorithms, name)
			}
		}
	}
	if bytes.Contains(text, []byte("@cert-authority")) {
		add(ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
			ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01)
	}
	for _, want := range unknown.Want {
		if name := want.Key.Type(); name == ssh.KeyAlgoRSA {
			add(ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256) // and not with SHA-1
		} else {
			add(name)
		}
	}
	return keys, nil
}

// checkOf makes the check of what the file of that name says. The library takes the names of files alone, and knows neither marks nor
// UTF-16, so the text as it was read goes to it through a pipe.
func checkOf(text []byte, name string) (ssh.HostKeyCallback, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = w.Write(text) // it ends early where the library does: then nobody holds the other end
		w.Close()
	}()
	folder := "/dev/fd/"
	if runtime.GOOS == "linux" {
		folder = "/proc/self/fd/"
	}
	pipe := folder + strconv.Itoa(int(r.Fd()))
	check, err := knownhosts.New(pipe)
	if err != nil {
		err = errors.New(strings.ReplaceAll(err.Error(), pipe, name))
	}
	r.Close()
	<-written
	return check, err
}

// scan says how the server's key is made known.
func (k Kind) scan() string {
	host, port, err := net.SplitHostPort(k.Addr)
	if err != nil {
		host, port = k.Addr, "22"
	}
	return fmt.Sprintf(`run "ssh-keyscan -p %s %s >> %s", and compare what "ssh-keygen -lf %s" then shows with the same on the server itself`,
		port, host, k.KnownHosts, k.KnownHosts)
}

// wrongKey says that the server is not who it was.
func (k Kind) wrongKey(err error) error {
	return fmt.Errorf("the SFTP server %s does not show the key that %s has of it; nothing was sent; ask whoever runs it "+
		"whether the key was changed, and only then remove its lines there and %s: %w", k.Addr, k.KnownHosts, k.scan(), err)
}

// isHostKey tells whether a handshake failed for the server's key.
func isHostKey(err error) bool {
	var (
		changed *knownhosts.KeyError
		revoked *knownhosts.RevokedError
		none    *ssh.AlgorithmNegotiationError
	)
	return errors.As(err, &changed) || errors.As(err, &revoked) || errors.As(err, &none) && none.What == "host key" ||
		strings.Contains(err.Error(), "ssh: certificate ") || strings.Contains(err.Error(), "ssh: no authorities for hostname")
}

// isRefused tells whether a handshake failed for our key. The library has no type for this.
func isRefused(err error) bool { return strings.Contains(err.Error(), "ssh: unable to authenticate") }

// signer reads the unit's key.
func (k Kind) signer() (ssh.Signer, error) {
	info, err := os.Stat(k.Key)
	if err != nil {
		return nil, fmt.Errorf("the key for the SFTP server: %w", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return nil, fmt.Errorf("everybody on this machine can read the key %s; chmod 640 it, with the service's group", k.Key)
	}
	text, err := textfile.Read(k.Key, maxFile)
	if err != nil {
		return nil, fmt.Errorf("the key for the SFTP server: %w", err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	clear(text)
	if locked := (*ssh.PassphraseMissingError)(nil); errors.As(err, &locked) {
		return nil, fmt.Errorf(`the key %s is behind a passphrase, which nobody is there to type; remove it with "ssh-keygen -p -f %s"`, k.Key, k.Key)
	}
	if err != nil {
		return nil, fmt.Errorf(`%s is not a private key as "ssh-keygen -t ed25519" makes it: %w`, k.Key, err)
	}
	return signer, nil
}

// noKey is a public key that no server has.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return nil }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("not a key") }
