package daemon

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

// maxKeyFile bounds the unit's key file.
const maxKeyFile = 4 << 10

// keyFile is where the unit's signing key lies.
type keyFile struct {
	fs   durable.FS
	name string
	path string // of it, for people
}

// firstSuffix ends the name of a file that says, with the unit's public key in it, that the start
// which made the key has not come to its end. A start after an interruption then knows that it is
// still the first one.
const firstSuffix = ".first"

// first reports whether the unit's first start is not over.
func (f keyFile) first(vkey string) bool {
	data, err := durable.ReadFile(f.fs, f.name+firstSuffix, maxKeyFile)
	return err == nil && strings.TrimSpace(string(data)) == vkey
}

// started says that the first start is over: what was there is in the ledger. If that fails the
// next start says it again.
func (f keyFile) started() {
	if _, err := f.fs.Stat(f.name + firstSuffix); err == nil {
		_ = f.fs.Remove(f.name + firstSuffix)
	}
}

func (d *Daemon) keyFile() (keyFile, error) {
	dir, name := filepath.Split(d.cfg.Unit.Key)
	fsys, err := d.o.FS(dir)
	if err != nil {
		return keyFile{}, fmt.Errorf("unit key: %w", err)
	}
	return keyFile{fsys, name, d.cfg.Unit.Key}, nil
}

// unitKey reads the unit's signing key, or makes it at the first start.
func (d *Daemon) unitKey(f keyFile) (note.Signer, string, error) {
	data, err := durable.ReadFile(f.fs, f.name, maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		skey, vkey, err := recording.NewUnitKey(d.cfg.Room.Site, d.cfg.Room.ID)
		if err != nil {
			return nil, "", err
		}
		d.prober.keyMade = true // even if the next step fails: then it may be there
		if err := durable.WriteFile(f.fs, f.name+firstSuffix, []byte(vkey+"\n")); err != nil {
			return nil, "", fmt.Errorf("unit key: %w", err)
		}
		data = []byte(skey + "\n" + vkey + "\n")
		if err := durable.WriteFile(f.fs, f.name, data); err != nil {
			return nil, "", fmt.Errorf("unit key: %w", err)
		}
		d.log.Info("made the unit's key", "key", vkey)
	} else if err != nil {
		return nil, "", fmt.Errorf("unit key: %w", err)
	}
	signer, vkey, err := parseUnitKey(data, f.path, recording.UnitName(d.cfg.Room.Site, d.cfg.Room.ID))
	d.prober.keyMade = d.prober.keyMade || err == nil && f.first(vkey)
	return signer, vkey, err
}

// parseUnitKey takes the key file apart: the signer key on its first line, the verifier key on its
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

// exposed says why others than the service may use the key file; nil if they may not, or if it
// can't be told. The unit records all the same: a signature that somebody else could have made is
// worth more than no recording.
func (f keyFile) exposed() error { return f.exposedBeside(os.Geteuid()) }

// exposedBeside is exposed for a service that runs as user us.
func (f keyFile) exposedBeside(us int) error {
	info, err := f.fs.Stat(f.name)
	if err != nil {
		return nil // whoever reads it next says so
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o, which lets others use it: chmod 600 %[1]s", f.path, mode)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != us {
		return fmt.Errorf("%s belongs to user %d, and the service runs as user %d: chown %[3]d %[1]s", f.path, st.Uid, us)
	}
	return nil
}
