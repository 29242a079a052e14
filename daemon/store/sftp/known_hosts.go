//go:build unix

package sftp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net"
	"path"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"tacet/config/textfile"
)

// knownHosts is a file of known hosts as OpenSSH reads it: a line that can't be parsed is skipped.
type knownHosts struct {
	file     string
	lines    []knownLine
	unparsed []int // lines that are neither empty, nor a comment, nor understood
}

// knownLine is a line with a key of some hosts.
type knownLine struct {
	number int
	marker string // "", markAuthority or markRevoked
	hosts  string // patterns, or one hashed name
	key    ssh.PublicKey
}

const (
	markAuthority = "@cert-authority"
	markRevoked   = "@revoked"
)

func parseKnownHosts(file string, text []byte) *knownHosts {
	k := &knownHosts{file: file}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		if l, ok := parseKnownLine(fields); ok {
			l.number = number
			k.lines = append(k.lines, l)
		} else {
			k.unparsed = append(k.unparsed, number)
		}
	}
	return k
}

// parseKnownLine parses [marker] hosts type key [comment].
func parseKnownLine(fields []string) (l knownLine, ok bool) {
	if fields[0][0] == '@' {
		l.marker, fields = fields[0], fields[1:]
		if l.marker != markAuthority && l.marker != markRevoked {
			return l, false
		}
	}
	if len(fields) < 3 {
		return l, false
	}
	blob, err := base64.StdEncoding.DecodeString(fields[2])
	if err != nil {
		return l, false
	}
	l.hosts = fields[0]
	l.key, err = ssh.ParsePublicKey(blob)
	return l, err == nil && l.key.Type() == fields[1]
}

// forHost returns the lines for a host. As with OpenSSH, a server at a non-standard port may also
// be listed by its name alone.
func (k *knownHosts) forHost(addr string) (found []knownLine) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = addr, "22"
	}
	host = strings.ToLower(host)
	withPort := "[" + host + "]:" + port
	names := []string{withPort, host}
	if port == "22" {
		names = []string{host, withPort}
	}
	for _, name := range names {
		for _, l := range k.lines {
			if l.matches(name) {
				found = append(found, l)
			}
		}
		if slices.ContainsFunc(found, func(l knownLine) bool { return l.marker != markRevoked }) {
			break
		}
	}
	return found
}

// matches reports whether a line is for a host name, which is in lower case.
func (l knownLine) matches(name string) bool {
	if strings.HasPrefix(l.hosts, "|") {
		return hashed(l.hosts, name)
	}
	matched := false
	for pattern := range strings.SplitSeq(strings.ToLower(l.hosts), ",") {
		pattern, not := strings.CutPrefix(pattern, "!")
		if !wildcard(pattern, name) {
			continue
		}
		if not {
			return false
		}
		matched = true
	}
	return matched
}

// wildcard matches * and ?, and no other pattern: brackets around a host with a port are literal.
func wildcard(pattern, name string) bool {
	pattern = strings.NewReplacer(`\`, `\\`, `[`, `\[`).Replace(pattern)
	// A * would stop at a slash, but no name has one.
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}

// hashed compares a name with |1|salt|hash.
func hashed(hosts, name string) bool {
	parts := strings.Split(hosts, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return false
	}
	salt, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	want, err := base64.StdEncoding.DecodeString(parts[3])
	if err != nil {
		return false
	}
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return hmac.Equal(mac.Sum(nil), want)
}

// A hostKeyError says that a server doesn't show a known key.
type hostKeyError struct{ what string }

func (e *hostKeyError) Error() string { return e.what }

// hostKeys are the keys that one server may show.
type hostKeys struct {
	file  string
	lines []knownLine
	// algorithms are those of the known keys, so that a server with several keys shows one that can
	// be compared.
	algorithms []string
}

// kinds lists the types of the known keys, for a person.
func (h *hostKeys) kinds() string {
	var kinds []string
	for _, l := range h.lines {
		if l.marker != markRevoked && !slices.Contains(kinds, l.key.Type()) {
			kinds = append(kinds, l.key.Type())
		}
	}
	return strings.Join(kinds, ", ")
}

// setAlgorithms sets the algorithms of the known keys, without SHA-1.
func (h *hostKeys) setAlgorithms() {
	add := func(names ...string) {
		for _, name := range names {
			if !slices.Contains(h.algorithms, name) {
				h.algorithms = append(h.algorithms, name)
			}
		}
	}
	if slices.ContainsFunc(h.lines, func(l knownLine) bool { return l.marker == markAuthority }) {
		add(ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
			ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01)
	}
	usable := ssh.SupportedAlgorithms().HostKeys
	for _, l := range h.lines {
		switch kind := l.key.Type(); {
		case l.marker != "":
		case kind == ssh.KeyAlgoRSA:
			add(ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		case slices.Contains(usable, kind):
			add(kind)
		}
	}
}

// check checks the key that the server shows in a handshake.
func (h *hostKeys) check(addr string, remote net.Addr, key ssh.PublicKey) error {
	checker := ssh.CertChecker{
		IsHostAuthority: func(authority ssh.PublicKey, _ string) bool { return h.has(markAuthority, authority) },
		IsRevoked: func(c *ssh.Certificate) bool {
			return h.has(markRevoked, c.SignatureKey) || h.has(markRevoked, c.Key)
		},
		HostKeyFallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			shown := key.Type() + " " + ssh.FingerprintSHA256(key)
			switch {
			case h.has(markRevoked, key):
				return &hostKeyError{"it shows " + shown + ", which the file marks as revoked"}
			case h.has("", key):
				return nil
			}
			return &hostKeyError{"it shows " + shown}
		},
	}
	err := checker.CheckHostKey(addr, remote, key)
	if err != nil {
		err = &hostKeyError{err.Error()}
	}
	return err
}

// has reports whether a key is on a line with that marker.
func (h *hostKeys) has(marker string, key ssh.PublicKey) bool {
	return slices.ContainsFunc(h.lines, func(l knownLine) bool {
		return l.marker == marker && bytes.Equal(l.key.Marshal(), key.Marshal())
	})
}

// hostKeys reads the server's keys from the file of known hosts.
func (k Kind) hostKeys() (*hostKeys, error) {
	text, err := textfile.Read(k.KnownHosts, maxFile)
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, k.scanHint())
	}
	all := parseKnownHosts(k.KnownHosts, text)
	keys := &hostKeys{file: k.KnownHosts, lines: all.forHost(k.Addr)}
	keys.setAlgorithms()
	switch {
	case len(keys.algorithms) > 0:
		return keys, nil
	case keys.kinds() != "":
		return nil, fmt.Errorf("%s has only keys for %s that are no longer safe (%s); nothing was sent; %s", k.KnownHosts,
			k.Addr, keys.kinds(), k.scanHint())
	}
	odd := ""
	if len(all.unparsed) > 0 {
		odd = fmt.Sprintf(" (lines that can't be parsed: %d, the first at %s:%d)", len(all.unparsed), k.KnownHosts,
			all.unparsed[0])
	}
	return nil, fmt.Errorf("%s has no key for %s%s, so anybody could pose as that server; nothing was sent; %s",
		k.KnownHosts,
		k.Addr, odd, k.scanHint())
}
