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

// maxFile is the maximum size of a key file and a list of known hosts, in bytes.
const maxFile = 1 << 20

// scanHint says how to add the server's key to the known hosts.
func (k Kind) scanHint() string {
	host, port, err := net.SplitHostPort(k.Addr)
	if err != nil {
		host, port = k.Addr, "22"
	}
	return fmt.Sprintf(`run "ssh-keyscan -p %s %s >> %s", and compare the output of "ssh-keygen -lf %s" with that on `+
		"the server itself",
		port, host, k.KnownHosts, k.KnownHosts)
}

// wrongKey returns the error for a server with another key.
func (k Kind) wrongKey(err error) error {
	return fmt.Errorf("the SFTP server %s does not show the key that %s has for it; nothing was sent; ask its "+
		"administrator "+
		"whether the key was changed, and only then remove its lines there and %s: %w", k.Addr, k.KnownHosts, k.scanHint(),
		err)
}

// noCommonAlgorithm says what the server and this unit can't agree on, and what the server offers.
func (k Kind) noCommonAlgorithm(err *ssh.AlgorithmNegotiationError, known *hostKeys) (health.Code, error) {
	offered := strings.Join(err.RequestedAlgorithms, ", ")
	if offered == "" {
		offered = "nothing"
	}
	if err.What != "host key" {
		return health.StoreError, fmt.Errorf("the SFTP server %[1]s offers only %[3]s for %[2]s, none of which is safe "+
			"enough for this unit; update the server: %[4]w",
			k.Addr, err.What, offered, err)
	}
	safe := ssh.SupportedAlgorithms().HostKeys
	if !slices.ContainsFunc(err.RequestedAlgorithms, func(a string) bool { return slices.Contains(safe, a) }) {
		return health.StoreError, fmt.Errorf("the SFTP server %s offers only host keys with %s, which are no longer safe "+
			"(ssh-rsa signs with SHA-1); "+
			"nothing was sent; update the server, or give it a key made by \"ssh-keygen -t ed25519\"", k.Addr, offered)
	}
	return health.StoreHostKey, fmt.Errorf("%[1]s has only keys of the types %[3]s for the SFTP server %[2]s, which "+
		"offers %[4]s: they have none in common; nothing was sent; "+
		"ask its administrator whether its keys were changed, and then %[5]s", known.file, k.Addr, known.kinds(), offered,
		k.scanHint())
}

// isHostKey reports whether a handshake failed because of the server's key.
func isHostKey(err error) bool { return errors.As(err, new(*hostKeyError)) }

// isRefused reports whether a handshake failed because of our key. The library has no type for
// this.
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
		return nil, fmt.Errorf(`the key %s has a passphrase, which nobody is there to type; remove it with "ssh-keygen `+
			`-p -f %s"`, k.Key, k.Key)
	}
	if err != nil {
		return nil, fmt.Errorf(`%s is not a private key as "ssh-keygen -t ed25519" makes it: %w`, k.Key, err)
	}
	return signer, nil
}
