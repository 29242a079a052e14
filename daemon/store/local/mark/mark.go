// Package mark reads and writes the mark that assigns a drive to a store: a small file in its root,
// TACET-DRIVE.txt. "tacet drive init" writes it at a desk, and the unit looks for it.
//
//	{"format":"tacet-drive/1","site":"high-street","room":"room-3","store":"drive","id":"K5PZ…"}
//
// or, if the office has signed it ("tacet drive init -i office.key"),
//
//	{"format":"tacet-drive/2","site":"high-street","room":"*","store":"drive",
//	 "id":"K5PZ…","uuid":"1234-ABCD","signature":"tacet-office/office AQID…"}
//
// It is one line of JSON in exactly this form. No unit writes to a drive without a mark, and only
// that room's unit to one with another room's mark: a stick that was left plugged in, or carried
// next door, stays as it is. The ID is random and tells apart two drives of one store. The room *
// means every room of the site; only a signed mark may have it.
//
// The mark is not secret and, without a signature, proves nothing: anybody can write one. The
// signature covers the mark and the UUID of the file system, so it is worthless on another drive;
// only a full clone of the drive carries both. Recordings are sealed before they reach a drive.
package mark

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"

	"tacet/config/office"
	"tacet/daemon/durable"
)

// File is the mark's file name. FAT keeps it as it is, and people see what it is for.
const File = "TACET-DRIVE.txt"

const (
	unsigned = "tacet-drive/1"
	signed   = "tacet-drive/2"
	maxSize  = 1 << 10
)

// EveryRoom means every room of a site.
const EveryRoom = "*"

// ErrBad says that "tacet drive init" can't have written the mark.
var ErrBad = errors.New("is not a mark that tacet drive init made")

// Mark says which store a drive belongs to.
type Mark struct {
	Format string `json:"format"`
	Site   string `json:"site"`
	Room   string `json:"room"`
	Store  string `json:"store"`
	ID     string `json:"id"`

	UUID      string `json:"uuid,omitempty"`      // of the file system, if signed
	Signature string `json:"signature,omitempty"` // the office's
}

// New makes a mark with a new ID. Site, room and store are 1 to 32 of a-z, 0-9 and -.
func New(site, room, store string) (Mark, error) {
	m := Mark{Format: unsigned, Site: site, Room: room, Store: store, ID: rand.Text()}
	return m, m.check()
}

// NewSigned makes a mark signed by the office, for the drive whose file system has this UUID. The
// room may be EveryRoom.
func NewSigned(site, room, store, uuid string, s office.Signer) (Mark, error) {
	return Mark{Site: site, Room: room, Store: store, ID: rand.Text()}.Sign(uuid, s)
}

// Sign returns the mark signed by the office.
func (m Mark) Sign(uuid string, s office.Signer) (_ Mark, err error) {
	m.Format, m.UUID = signed, uuid
	if m.Signature, err = office.SignDrive(m.drive(), s); err != nil {
		return Mark{}, err
	}
	return m, m.check()
}

// SignedBy returns nil if the office signed this mark for the file system with this UUID.
func (m Mark) SignedBy(k office.Key, uuid string) error {
	switch err := k.CheckDrive(m.drive(), m.Signature); {
	case err != nil:
		return err
	case uuid == "":
		return errors.New("is on a file system whose UUID is unknown, so it may be a copy")
	case uuid != m.UUID:
		return fmt.Errorf("was signed for another drive: its file system has the UUID %s, and this one has %s", m.UUID, uuid)
	}
	return nil
}

func (m Mark) drive() office.Drive {
	return office.Drive{Site: m.Site, Room: m.Room, Store: m.Store, ID: m.ID, UUID: m.UUID}
}

// For reports whether the drive is this store's.
func (m Mark) For(site, room, store string) bool {
	return m.Site == site && (m.Room == room || m.Room == EveryRoom) && m.Store == store
}

// Same reports whether two marks are of the same store.
func (m Mark) Same(o Mark) bool { return m.Site == o.Site && m.Room == o.Room && m.Store == o.Store }

// String names the store that the drive belongs to.
func (m Mark) String() string { return fmt.Sprintf("%s/%s, store %q", m.Site, m.Room, m.Store) }

var (
	placeForm = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)
	idForm    = regexp.MustCompile(`^[A-Z2-7]{26}$`)
	lineForm  = regexp.MustCompile(`^[\x20-\x7e]{1,200}$`)
)

func (m Mark) check() error {
	for what, text := range map[string]string{"site": m.Site, "room": m.Room, "store": m.Store} {
		if !placeForm.MatchString(text) && (what != "room" || text != EveryRoom || m.Format != signed) {
			return fmt.Errorf("%s %q is not 1 to 32 of a-z, 0-9 and -", what, text)
		}
	}
	if m.Format != unsigned && m.Format != signed || !idForm.MatchString(m.ID) {
		return ErrBad
	}
	for _, text := range []string{m.UUID, m.Signature} {
		if lineForm.MatchString(text) != (m.Format == signed) || m.Format == unsigned && text != "" {
			return ErrBad
		}
	}
	return nil
}

// Text is the mark's file, as Write writes it.
func (m Mark) Text() []byte { return append(m.line(), '\n') }

func (m Mark) line() []byte {
	line, _ := json.Marshal(m) // some strings: that never fails
	return line
}

// Parse parses a mark. It accepts only what line makes, with any line end or none.
func Parse(text []byte) (Mark, error) {
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	var m Mark
	if json.Unmarshal(text, &m) != nil || m.check() != nil || !bytes.Equal(m.line(), text) {
		return Mark{}, fmt.Errorf("%s %w", File, ErrBad)
	}
	return m, nil
}

// Read reads the mark in the root of a drive. Without a mark the error is fs.ErrNotExist.
func Read(drive *os.Root) (Mark, error) {
	fsys := durable.OS(drive)
	info, err := fsys.Stat(File)
	if err != nil {
		return Mark{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSize {
		return Mark{}, fmt.Errorf("%s %w", File, ErrBad)
	}
	text, err := durable.ReadFile(fsys, File, maxSize)
	if err != nil {
		return Mark{}, err
	}
	return Parse(text)
}

// Write marks a drive, replacing any mark, and leaves everything else on it. When it returns nil
// the mark survives pulling the drive out. On file systems with owners it lets everybody write in
// the drive's root and read the mark, because the unit's user is not the one at the desk.
func (m Mark) Write(drive *os.Root) error {
	if err := m.check(); err != nil {
		return err
	}
	if err := open(drive); err != nil {
		return err
	}
	fsys := durable.OS(drive)
	if err := durable.WriteFile(fsys, File, m.Text()); err != nil {
		return err
	}
	_ = drive.Chmod(File, 0o644) // FAT has no owners, and may refuse
	f, err := fsys.Append(File)
	if err != nil {
		return err
	}
	err = f.Sync()
	if err = errors.Join(err, f.Close()); err == nil {
		err = fsys.SyncDir(".")
	}
	if err != nil {
		return fmt.Errorf("sync %s: %w", File, err)
	}
	return nil
}

const everybody = 0o777

// open lets everybody write in the drive's root. FAT, whose permissions come with the mount,
// ignores or refuses that; if nobody may write, the next write fails.
func open(drive *os.Root) error {
	info, err := drive.Stat(".")
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o002 != 0 {
		return nil
	}
	if err := drive.Chmod(".", info.Mode().Perm()|everybody); err != nil && !errors.Is(err, fs.ErrPermission) &&
		!errors.Is(err, errors.ErrUnsupported) {
		return fmt.Errorf("let everybody write on the drive: %w", err)
	}
	return nil
}
