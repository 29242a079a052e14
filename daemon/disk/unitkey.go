package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/mod/sumdb/note"

	"tacet/daemon/durable"
	"tacet/daemon/recording"
)

// maxKeyFile bounds the unit's key file, in bytes.
const maxKeyFile = 4 << 10

// keyFile is the file of the unit's signing key.
type keyFile struct {
	fs   durable.FS
	name string
	path string // of it, for people
}

// firstSuffix ends the name of a marker file that holds the unit's public key. It exists until the
// start that made the key is over, so that a start after an interruption knows that it is still the
// first one.
const firstSuffix = ".first"

// firstStart reports whether the unit's first start is not over.
func (f keyFile) firstStart(vkey string) bool {
	data, err := durable.ReadFile(f.fs, f.name+firstSuffix, maxKeyFile)
	return err == nil && strings.TrimSpace(string(data)) == vkey
}

// endFirstStart removes the marker, once the ledger has everything that the first start trusts. If
// that fails, the next start does it.
func (f keyFile) endFirstStart() {
	if _, err := f.fs.Stat(f.name + firstSuffix); err == nil {
		_ = f.fs.Remove(f.name + firstSuffix)
	}
}

// unitKey reads the unit's signing key, or makes it at the first start.
func (o *Opener) unitKey(d *Disk) error {
	dir, name := filepath.Split(o.s.Key)
	folder, err := o.s.FS(dir)
	if err != nil {
		return fmt.Errorf("unit key: %w", err)
	}
	d.key = keyFile{folder, name, o.s.Key}
	data, err := durable.ReadFile(folder, name, maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = o.makeUnitKey(d.key)
	}
	if err != nil {
		return fmt.Errorf("unit key: %w", err)
	}
	d.Unit, d.UnitKey, err = parseUnitKey(data, d.key.path, recording.UnitName(o.s.Site, o.s.Room))
	o.keyMade = o.keyMade || err == nil && d.key.firstStart(d.UnitKey)
	return err
}

func (o *Opener) makeUnitKey(f keyFile) ([]byte, error) {
	skey, vkey, err := recording.NewUnitKey(o.s.Site, o.s.Room)
	if err != nil {
		return nil, err
	}
	o.keyMade = true // even if a write fails: the file may be there
	if err := durable.WriteFile(f.fs, f.name+firstSuffix, []byte(vkey+"\n")); err != nil {
		return nil, err
	}
	data := []byte(skey + "\n" + vkey + "\n")
	if err := durable.WriteFile(f.fs, f.name, data); err != nil {
		return nil, err
	}
	o.s.Log.Info("made the unit's key", "key", vkey)
	return data, nil
}

// parseUnitKey parses the key file: the signer key on its first line, the verifier key on its
// second.
func parseUnitKey(data []byte, path, name string) (note.Signer, string, error) {
	skey, rest, _ := strings.Cut(string(data), "\n")
	vkey := strings.TrimSpace(rest)
	signer, err := note.NewSigner(skey)
	if err != nil {
		return nil, "", fmt.Errorf("unit key: %s holds no signer key: move it away, and the unit makes a new one", path)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil || verifier.KeyHash() != signer.KeyHash() || verifier.Name() != signer.Name() {
		return nil, "", fmt.Errorf("unit key: the two lines of %s don't belong together", path)
	}
	if signer.Name() != name {
		return nil, "", fmt.Errorf("unit key: %s is the key of %s, not of %s", path, signer.Name(), name)
	}
	return signer, vkey, nil
}

// exposed reports why users other than the service's can use the key file; nil if they can't, or if
// that is unknown. The unit records all the same: a signature that somebody else could have made is
// better than no recording.
func (f keyFile) exposed() error { return f.exposedTo(os.Geteuid()) }

// exposedTo is exposed for a service that runs as user us.
func (f keyFile) exposedTo(us int) error {
	info, err := f.fs.Stat(f.name)
	if err != nil {
		return nil // the next reader of the file reports it
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o, which lets others use it: chmod 600 %[1]s", f.path, mode)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != us {
		return fmt.Errorf("%s belongs to user %d, and the service runs as user %d: chown %[3]d %[1]s", f.path, st.Uid, us)
	}
	return nil
}
