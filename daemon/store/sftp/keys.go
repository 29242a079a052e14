//go:build unix

package sftp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"tacet/config/textfile"
	"tacet/daemon/health"
)

// maxFile bounds a key file and a list of known hosts.
const maxFile = 1 << 20

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

// nothingCommon says what the server and this unit can't agree on, and what the server would have.
func (k Kind) nothingCommon(err *ssh.AlgorithmNegotiationError, known *hostKeys) (health.Code, error) {
	offered := strings.Join(err.RequestedAlgorithms, ", ")
	if offered == "" {
		offered = "nothing"
	}
	if err.What != "host key" {
		return health.StoreError, fmt.Errorf("the SFTP server %s offers for %s only %s, none of which is safe enough for this unit; bring the server up to date: %w",
			k.Addr, err.What, offered, err)
	}
	safe := ssh.SupportedAlgorithms().HostKeys
	if !slices.ContainsFunc(err.RequestedAlgorithms, func(a string) bool { return slices.Contains(safe, a) }) {
		return health.StoreError, fmt.Errorf("the SFTP server %s offers host keys only with %s, which are not safe any more (ssh-rsa signs with SHA-1); "+
			"nothing was sent; bring the server up to date, or give it a key made by \"ssh-keygen -t ed25519\"", k.Addr, offered)
	}
	return health.StoreHostKey, fmt.Errorf("%s has of the SFTP server %s only keys of the kinds %s, and the server offers %s: they have none in common; nothing was sent; "+
		"ask whoever runs it whether its keys were changed, and then %s", known.file, k.Addr, known.kinds(), offered,
		k.scan())
}

// isHostKey tells whether a handshake failed for the server's key.
func isHostKey(err error) bool { return errors.As(err, new(*hostKeyError)) }

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
