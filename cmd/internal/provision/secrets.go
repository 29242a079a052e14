package provision

import (
	"crypto/ed25519"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// newPassword returns a password of 130 random bits and a line break. No person has to type it.
func newPassword() []byte { return []byte(rand.Text() + "\n") }

// newSSHKey returns a new Ed25519 key in OpenSSH's format, for the unit's account at the backup
// server.
func newSSHKey(comment string) ([]byte, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(block), nil
}

// authorized returns the key's line for authorized_keys, which allows SFTP and nothing else.
func authorized(private []byte, comment string) (string, error) {
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		return "", fmt.Errorf("is not an SSH private key without a passphrase")
	}
	public := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
	return `restrict,command="internal-sftp" ` + public + " " + comment, nil
}

// Mosquitto stores a password as $7$ROUNDS$SALT$HASH: PBKDF2 with SHA-512, salt and hash in base64.
const (
	rounds   = 101 // Mosquitto's default: few, but these passwords are random
	saltSize = 12
)

// mosquittoLine returns a user's line for Mosquitto's password file. It returns the line before
// unchanged if that matches the password, since each new line has a new salt.
func mosquittoLine(user, password, before string) (string, error) {
	if holds(user, password, before) {
		return before, nil
	}
	salt := make([]byte, saltSize)
	rand.Read(salt) // never fails
	hash, err := pbkdf2.Key(sha512.New, password, salt, rounds, sha512.Size)
	if err != nil {
		return "", err
	}
	text := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s:$7$%d$%s$%s", user, rounds, text(salt), text(hash)), nil
}

// holds reports whether a line of Mosquitto's password file matches a user and password.
func holds(user, password, line string) bool {
	rest, ok := strings.CutPrefix(line, user+":$7$")
	parts := strings.Split(rest, "$")
	if !ok || len(parts) != 3 || parts[0] != strconv.Itoa(rounds) {
		return false
	}
	salt, err1 := base64.StdEncoding.DecodeString(parts[1])
	want, err2 := base64.StdEncoding.DecodeString(parts[2])
	if err1 != nil || err2 != nil {
		return false
	}
	got, err := pbkdf2.Key(sha512.New, password, salt, rounds, sha512.Size)
	return err == nil && subtle.ConstantTimeCompare(got, want) == 1
}
