package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"tacet/cmd/internal/cli"
	"tacet/config"
	"tacet/config/office"
	"tacet/daemon/store/local/mark"
)

var driveCommand = cli.Command{
	Name:  "drive",
	Usage: "init [-i KEY] [-config FILE | -site SITE -room ROOM] [-store NAME] [-replace] PATH",
	About: "assign a thumb drive to a unit",
	Help: `
Writes a mark, the file ` + mark.File + `, to the root of the drive that is mounted at PATH, and
changes nothing else on it. A unit writes only to drives with its own mark.

    tacet drive init -i office.key -config tacet.toml /media/TACET
    tacet drive init -i office.key -site high-street -room '*' /media/TACET

With -i the office signs the mark, for the file system of this drive only. Units whose config has
[office] accept such drives at once, and no others. The room * means every room of the site. Without
-i, units that have no [office] accept the drive after "tacetd confirm" there.

The store is the one of kind "drive" in the config. Without a config it is called "drive". If the
unit mounts drives by their label, the drive needs that label too.`,
	Run: drive,
}

// driveInit is the marking of one drive.
type driveInit struct {
	env                       *cli.Env
	path, key, passphraseFile string
	site, room, store         string
	config                    string
	uuid                      string         // "" if the system has to tell
	office                    *config.Office // from the config; nil if it has none
	replace                   bool
}

func drive(env *cli.Env, args []string) error {
	d := driveInit{env: env}
	if err := d.parse(args); err != nil {
		return err
	}
	room := d.room
	if room == mark.EveryRoom {
		room = "any" // passes mark.New's check
	}
	m, err := mark.New(d.site, room, d.store)
	if err != nil {
		return env.Usage("%v", err)
	}
	m.Room = d.room
	return d.mark(m)
}

func (d *driveInit) parse(args []string) error {
	env, flags := d.env, d.env.Flags()
	flags.StringVar(&d.site, "site", "", "the unit's `SITE`, from [room] site")
	flags.StringVar(&d.room, "room", "", "the unit's `ROOM`, from [room] id")
	flags.StringVar(&d.store, "store", "", "the store's `NAME`; needed if the config has more than one drive")
	flags.StringVar(&d.config, "config", "", "take site, room and store from the unit's config `FILE`")
	flags.StringVar(&d.key, "i", "", "sign the mark with the signing key beside the office's `KEY`")
	flags.StringVar(&d.passphraseFile, "passphrase-file", "", "read the key's passphrase from `FILE`, and don't ask")
	flags.StringVar(&d.uuid, "uuid", "", "the file system's `UUID` as Linux shows it (blkid), if this system can't tell")
	flags.BoolVar(&d.replace, "replace", false, "take the drive over from another room or store")
	if len(args) > 0 && args[0] == "init" {
		args = args[1:]
	} else if len(args) > 0 && args[0] != "-h" && args[0] != "-help" && args[0] != "--help" {
		return env.Usage("drive has no command %q", args[0])
	}
	paths, err := env.Parse(flags, args)
	switch {
	case err != nil:
		return err
	case len(paths) != 1:
		return env.Usage("drive init takes the path of one drive")
	case d.config != "" && (d.site != "" || d.room != ""):
		return env.Usage("-config gives site and room; leave out -site and -room")
	case d.config == "" && (d.site == "" || d.room == ""):
		return env.Usage("name the drive's unit with -config, or with -site and -room")
	case d.config != "":
		if err := d.readConfig(); err != nil {
			return err
		}
	case d.store == "":
		d.store = "drive"
	}
	if d.room == mark.EveryRoom && d.key == "" {
		return env.Usage("a drive for every room needs the office's signature: name its key with -i")
	}
	d.path = paths[0]
	return nil
}

// readConfig takes the drive's site, room, store and office from the config.
func (d *driveInit) readConfig() error {
	cfg, _, err := config.Load(d.config)
	if errs := (config.Errors)(nil); errors.As(err, &errs) && errs.Unread() {
		return err // tacet check would say no more
	} else if err != nil {
		return cli.WithHint(err,
			"\"tacet check %s\" says what to write instead; or name -site, -room and -store", d.config)
	}
	var names []string
	for _, s := range cfg.Stores {
		if s.Kind == config.Drive {
			names = append(names, s.Name)
		}
	}
	switch {
	case len(names) == 0:
		return cli.WithHint(fmt.Errorf("%s has no store of kind \"drive\"", d.config),
			"write [[store]] with name = \"drive\" and kind = \"drive\"")
	case d.store == "" && len(names) > 1:
		return cli.WithHint(fmt.Errorf("%s has %d drives", d.config, len(names)), "name one with -store: %q", names)
	case d.store == "":
		d.store = names[0]
	case !slices.Contains(names, d.store):
		return cli.WithHint(fmt.Errorf("%s has no drive called %q", d.config, d.store), "its drives are %q", names)
	}
	d.site, d.room, d.office = cfg.Room.Site, cfg.Room.ID, cfg.Office
	if d.office != nil && d.key == "" {
		return cli.WithHint(fmt.Errorf("%s has [office], so its unit accepts only drives that the office has signed",
			d.config),
			"name the office's key with -i")
	}
	return nil
}

// sign signs the mark if the office's key is named.
func (d *driveInit) sign(m mark.Mark) (mark.Mark, error) {
	if d.key == "" {
		return m, nil
	}
	if d.uuid == "" {
		uuid, err := fileSystemUUID(d.path)
		if err != nil || uuid == "" {
			return m, cli.WithHint(errors.Join(fmt.Errorf("can't tell the UUID of the file system on %s, "+
				"which the signature must cover", d.path), err), "run \"blkid\" on Linux, and pass the drive's UUID with -uuid")
		}
		d.uuid = uuid
	}
	signer, err := openSigner(d.env, d.key, d.passphraseFile)
	if err != nil {
		return m, err
	}
	if m, err = m.Sign(d.uuid, signer); err != nil || d.office == nil {
		return m, err
	}
	known, err := office.ParseKey(d.office.Key)
	if err == nil && m.SignedBy(known, d.uuid) != nil {
		err = cli.WithHint(fmt.Errorf("%s is not the key of the office %s, which the config names", d.key, d.office.Key),
			"name the key of the unit's own office")
	}
	return m, err
}

// mark writes the mark, unless the drive belongs to another unit or is no drive at all.
func (d *driveInit) mark(m mark.Mark) error {
	if err := checkIsDrive(d.path); err != nil {
		return err
	}
	root, err := os.OpenRoot(d.path)
	if err != nil {
		return fmt.Errorf("open the drive: %w", err)
	}
	defer root.Close()
	if info, err := root.Lstat(mark.File); err == nil && info.IsDir() {
		return cli.WithHint(fmt.Errorf("mark %s: it has a folder called %s", d.path, mark.File),
			"rename or remove that folder")
	}
	old, err := mark.Read(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err == nil && old.Same(m):
		m = old // the ID stays; permissions and signature are renewed
	case d.replace && (err == nil || errors.Is(err, mark.ErrBad)):
	case err == nil:
		return cli.WithHint(fmt.Errorf("%s belongs to %s", d.path, old),
			"if nobody needs it there, take it over with -replace; the recordings on it stay")
	case errors.Is(err, mark.ErrBad):
		return cli.WithHint(fmt.Errorf("%s: %w", d.path, err), "write a new mark with -replace")
	default:
		return fmt.Errorf("read the drive's mark: %w", err)
	}
	if m, err = d.sign(m); err != nil {
		return err
	}
	if err := m.Write(root); err != nil {
		err = fmt.Errorf("mark %s: %w", d.path, err)
		switch {
		case errors.Is(err, fs.ErrPermission):
			err = cli.WithHint(err, "the drive's file system has owners: run this as root (sudo), or format the drive with exFAT")
		case isReadOnly(err):
			err = cli.WithHint(err, "if the drive has a lock, slide it to the other side; if not, the system may have found errors "+
				"on the drive: check it (fsck, chkdsk), and plug it in again")
		}
		return err
	}
	d.env.Note("%s is now the drive of %s; eject it before you pull it out", d.path, m)
	if m.Signature == "" {
		d.env.Note("it is not signed by the office, so a running unit accepts it only after \"sudo tacetd confirm\" there")
	}
	return nil
}

// checkIsDrive refuses a path that is not the root of a drive: a unit looks for a mark only there.
func checkIsDrive(path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return fmt.Errorf("find the drive: %w", err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return fmt.Errorf("find the drive: %w", err)
	}
	if !info.IsDir() {
		return cli.WithHint(fmt.Errorf("%s is not a folder", path), "name the folder at which the drive is mounted")
	}
	root, err := fileSystemRoot(abs)
	if err != nil {
		return fmt.Errorf("find the drive: %w", err)
	}
	switch {
	case isSystemDisk(root):
		return cli.WithHint(fmt.Errorf("%s is on this computer's own disk", path),
			"plug the drive in, mount it, and name the folder at which it is mounted")
	case root != abs:
		return cli.WithHint(fmt.Errorf("%s is a folder on a drive", path), "name the drive itself: %s", root)
	}
	return nil
}
