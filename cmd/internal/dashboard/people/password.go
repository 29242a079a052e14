package people

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of a password, as OWASP recommends it: 19 MiB, twice. The gate hashes one at a time, so
// that guessing can't take more memory than that.
const (
	memoryKiB = 19 << 10
	passes    = 2
	saltBytes = 16
	hashBytes = 32
)

var encoding = base64.RawStdEncoding

// Hash returns the hash of a password, in the usual text form: $argon2id$v=19$m=…,t=…,p=…$salt$hash.
func Hash(password string) string {
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, memoryKiB, passes,
		encoding.EncodeToString(salt), encoding.EncodeToString(argon2.IDKey([]byte(password), salt, passes, memoryKiB, 1,
			hashBytes)))
}

// matches reports whether a password has a hash. It refuses hashes that would cost more than ours:
// the file that they are in may have been changed.
func matches(password, hash string) bool {
	var version, memory, time int
	fields := strings.Split(hash, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" {
		return false
	}
	if n, err := fmt.Sscanf(fields[2], "v=%d", &version); n != 1 || err != nil || version != argon2.Version {
		return false
	}
	if n, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=1", &memory, &time); n != 2 || err != nil ||
		memory < 8 || memory > 2*memoryKiB || time < 1 || time > 2*passes {
		return false
	}
	salt, err := encoding.DecodeString(fields[4])
	if err != nil || len(salt) > 64 {
		return false
	}
	want, err := encoding.DecodeString(fields[5])
	if err != nil || len(want) != hashBytes {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, uint32(time), uint32(memory), 1, hashBytes)
	return subtle.ConstantTimeCompare(got, want) == 1
}

// blank is a hash that no password has. A name that is not known costs as much as one that is.
var blank = fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=1$%s$%s", argon2.Version, memoryKiB, passes,
	encoding.EncodeToString(make([]byte, saltBytes)), encoding.EncodeToString(make([]byte, hashBytes)))
