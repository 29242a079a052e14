package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tacet/config"
	"tacet/config/office"
	"tacet/daemon/store/local/mark"
)

// The office's signing key, beside office.key, as tacet keygen names it.
const (
	officeSign = "office.sign"
	officeVkey = "office.vkey"
)

// officeSigner returns the signing key of the demo's own office. ok is false if the folder has
// none.
func (u *unit) officeSigner() (s office.Signer, ok bool, err error) {
	text, err := os.ReadFile(filepath.Join(u.dir, officeSign))
	if errors.Is(err, fs.ErrNotExist) {
		return office.Signer{}, false, nil
	}
	if err == nil {
		s, err = office.ParseSigner(strings.TrimSpace(string(text)))
	}
	if err != nil {
		return office.Signer{}, false, fmt.Errorf("read the office's signing key: %w", err)
	}
	return s, true, nil
}

// sign signs the list of recipients. It makes the office's signing key if there is none.
func (u *unit) sign(pub string) error {
	signer, ok, err := u.officeSigner()
	if err == nil && !ok {
		var private, public string
		if private, public, err = office.NewKey("demo"); err == nil {
			err = errors.Join(os.WriteFile(filepath.Join(u.dir, officeSign), []byte(private+"\n"), 0o600),
				os.WriteFile(filepath.Join(u.dir, officeVkey), []byte(public+"\n"), 0o644))
		}
		if err == nil {
			signer, err = office.ParseSigner(private)
		}
	}
	if err != nil {
		return err
	}
	list, err := os.ReadFile(pub)
	if err == nil {
		list, err = office.SignList(list, signer)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(pub, list, 0o644)
}

// demoUUID returns a UUID for the folder that stands for a drive.
func demoUUID(store string) string { return "demo-" + store }

// markDrive marks a folder that stands for a drive, if the office is the demo's own.
func (u *unit) markDrive(s config.Store) error {
	signer, ok, err := u.officeSigner()
	if err != nil || !ok || u.cfg.Office == nil {
		return err
	}
	root, err := os.OpenRoot(driveDir(u.dir, s.Name))
	if err != nil {
		return err
	}
	defer root.Close()
	key, err := office.ParseKey(u.cfg.Office.Key)
	if err != nil {
		return err
	}
	if old, err := mark.Read(root); err == nil && old.SignedBy(key, demoUUID(s.Name)) == nil {
		return nil // marked before
	}
	m, err := mark.NewSigned(u.cfg.Room.Site, u.cfg.Room.ID, s.Name, demoUUID(s.Name), signer)
	if err != nil {
		return err
	}
	return m.Write(root)
}

// judged returns why a marked folder must not be used as a drive. A folder without a mark may be
// used, if the unit is not the demo's own.
func (d *drive) judged() error {
	root, err := os.OpenRoot(d.Path)
	if err != nil {
		return nil // opening it will report why
	}
	defer root.Close()
	m, err := mark.Read(root)
	if d.judge == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if trouble := d.judge(m, demoUUID(d.name), d.Path); trouble != nil {
		return trouble
	}
	return nil
}
