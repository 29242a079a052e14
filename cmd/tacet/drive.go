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
	About: "make a thumb drive a unit's own",
	Help: `
Writes a mark, the file ` + mark.File + `, into the root of the drive that is mounted at PATH, and leaves all else on it as it is. A unit writes
to a drive with its own mark and to no other.

    tacet drive init -i office.key -config tacet.toml /media/TACET
    tacet drive init -i office.key -site high-street -room '*' /media/TACET

With the office's key the mark is signed, for this drive's file system alone: units whose config has [office] take it at once, and no
other. A room of * is each of the site's. Without the key, units without [office] take it, after somebody has confirmed it there.

The store is the one of kind "drive" in the config; without a config it is called "drive". Where the unit mounts drives by their label, the
drive also needs that label.`,
	Run: drive,
}

func drive(env *cli.Env, args []string) error {
	flags := env.Flags()
	site := flags.String("site", "", "the unit's `SITE`, as [room] site says it")
	room := flags.String("room", "", "the unit's `ROOM`, as [room] id says it")
	name := flags.String("store", "", "the store's `NAME`; needed if the config has more than one drive")
	file := flags.String("config", "", "take site, room and store from the unit's config `FILE`")
	key := flags.String("i", "", "sign the mark with the office's `KEY`; the signing key lies beside it")
	passphraseFile := flags.String("passphrase-file", "", "take the key's passphrase from `FILE`, and don't ask")
	uuid := flags.String("uuid", "", "the file system's `UUID` as Linux shows it (blkid), where this system can't tell it")
	replace := flags.Bool("replace", false, "take the drive over from another room or store")
	if len(args) > 0 && args[0] == "init" {
		args = args[1:]
	} else if len(args) > 0 && args[0] != "-h" && args[0] != "-help" && args[0] != "--help" {
		return env.Usage("drive knows no %q", args[0])
	}
	paths, err := env.Parse(flags, args)
	var obeys *config.Office
	switch {
	case err != nil:
		return err
	case len(paths) != 1:
		return env.Usage("drive init needs the path of one drive")
	case *file != "" && (*site != "" || *room != ""):
		return env.Usage("-config says site and room; leave -site and -room away")
	case *file == "" && (*site == "" || *room == ""):
		return env.Usage("whose drive is it? name -config, or -site and -room")
	case *file != "":
		if *site, *room, *name, obeys, err = driveOf(env, *file, *name); err != nil {
			return err
		}
		if obeys != nil && *key == "" {
			return cli.WithHint(fmt.Errorf("%s names an office, and its unit takes no drive that the office has not signed",
				*file), "name the office's key with -i")
		}
	case *name == "":
		*name = "drive"
	}
	d := driveInit{env: env, path: paths[0], key: *key, passphraseFile: *passphraseFile, uuid: *uuid, office: obeys,
		replace: *replace}
	if *room == mark.EveryRoom && *key == "" {
		return env.Usage("a drive for every room needs the office's signature: name its key with -i")
	}
	one := *room
	if one == mark.EveryRoom {
		one = "any"
	}
	m, err := mark.New(*site, one, *name)
	if err != nil {
		return env.Usage("%v", err)
	}
	m.Room = *room
	return d.mark(m)
}

// driveInit is the marking of one drive.
type driveInit struct {
	env                       *cli.Env
	path, key, passphraseFile string
	uuid                      string         // "": the system has to tell
	office                    *config.Office // that the unit obeys, as its config says; nil: nothing is known of one
	replace                   bool
}

// signed is the mark with the office's signature, where its key is named.
func (d *driveInit) signed(m mark.Mark) (mark.Mark, error) {
	if d.key == "" {
		return m, nil
	}
	if d.uuid == "" {
		uuid, err := uuidOf(d.path)
		if err != nil || uuid == "" {
			return m, cli.WithHint(errors.Join(fmt.Errorf("the UUID of the file system on %s can't be told, and the office signs for it", d.path), err),
				"see what \"blkid\" on Linux says of the drive, and name it with -uuid")
		}
		d.uuid = uuid
	}
	signer, err := officeSigner(d.env, d.key, d.passphraseFile)
	if err != nil {
		return m, err
	}
	if m, err = m.Sign(d.uuid, signer); err != nil || d.office == nil {
		return m, err
	}
	known, err := office.ParseKey(d.office.Key)
	if err == nil && m.SignedBy(known, d.uuid) != nil {
		err = cli.WithHint(fmt.Errorf("the config names the key %s, and %s is another office's", d.office.Key, d.key),
			"name the key of the office that the unit obeys")
	}
	return m, err
}

// driveOf takes from a config whose drive it is to be.
func driveOf(env *cli.Env, file, name string) (site, room, store string, obeys *config.Office, err error) {
	cfg, _, err := config.Load(file)
	if errs := (config.Errors)(nil); errors.As(err, &errs) && errs.Unread() {
		return "", "", "", nil, err // tacet check would say no more
	} else if err != nil {
		return "", "", "", nil, cli.WithHint(err,
			"\"tacet check %s\" says what to write instead; or name -site, -room and -store", file)
	}
	var names []string
	for _, s := range cfg.Stores {
		if s.Kind == config.Drive {
			names = append(names, s.Name)
		}
	}
	switch {
	case name == "" && len(names) == 1:
		name = names[0]
	case name == "" && len(names) > 1:
		return "", "", "", nil, cli.WithHint(fmt.Errorf("%s has %d drives", file, len(names)), "name one with -store: %q",
			names)
	case len(names) == 0:
		return "", "", "", nil, cli.WithHint(fmt.Errorf("%s has no store of kind \"drive\"", file),
			"write [[store]] with name = \"drive\" and kind = \"drive\"")
	case !slices.Contains(names, name):
		return "", "", "", nil, cli.WithHint(fmt.Errorf("%s has no drive called %q", file, name), "the drives there are %q",
			names)
	}
	return cfg.Room.Site, cfg.Room.ID, name, cfg.Office, nil
}

// mark writes the mark, unless the drive is somebody else's or no drive at all.
func (d *driveInit) mark(m mark.Mark) error {
	env, path, replace := d.env, d.path, d.replace
	if err := wholeDrive(path); err != nil {
		return err
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return fmt.Errorf("open the drive: %w", err)
	}
	defer root.Close()
	if info, err := root.Lstat(mark.File); err == nil && info.IsDir() {
		return cli.WithHint(fmt.Errorf("mark %s: there is a folder called %s", path, mark.File),
			"it is none of ours: rename or remove it")
	}
	old, err := mark.Read(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err == nil && old.Same(m):
		m = old // what it is called stays; the rights may need to be given again, and the signature
	case replace && (err == nil || errors.Is(err, mark.ErrBad)):
	case err == nil:
		return cli.WithHint(fmt.Errorf("%s belongs to %s", path, old),
			"see that nobody needs it there, and then take it over with -replace; the recordings on it stay")
	case errors.Is(err, mark.ErrBad):
		return cli.WithHint(fmt.Errorf("%s: %w", path, err), "write it anew with -replace")
	default:
		return fmt.Errorf("look at the drive: %w", err)
	}
	if m, err = d.signed(m); err != nil {
		return err
	}
	if err := m.Write(root); err != nil {
		err = fmt.Errorf("mark %s: %w", path, err)
		switch {
		case errors.Is(err, fs.ErrPermission):
			err = cli.WithHint(err, "the drive's file system has owners: run it as root (sudo), or format the drive with exFAT")
		case isReadOnly(err):
			err = cli.WithHint(err, "slide the drive's lock to the other side if it has one; or the system found it broken: check it (fsck, chkdsk), and plug it in again")
		}
		return err
	}
	env.Note("%s is now the drive of %s; eject it before you pull it out", path, m)
	if m.Signature == "" {
		env.Note("without the office's signature, a unit that runs already takes it only after \"sudo tacetd confirm\" there")
	}
	return nil
}

// wholeDrive refuses what is not the root of a drive: on a folder of a disk no unit would look for
// a mark.
func wholeDrive(path string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if abs, err = filepath.EvalSymlinks(abs); err != nil {
		return fmt.Errorf("look at the drive: %w", err)
	}
	info, err := os.Stat(abs)
	if err != nil {
		return fmt.Errorf("look at the drive: %w", err)
	}
	if !info.IsDir() {
		return cli.WithHint(fmt.Errorf("%s is not a folder", path), "name the folder at which the drive is mounted")
	}
	top, err := topOf(abs)
	if err != nil {
		return fmt.Errorf("look at the drive: %w", err)
	}
	switch {
	case ownDisk(top):
		return cli.WithHint(fmt.Errorf("%s is on this computer's own disk", path),
			"plug the drive in, mount it, and name the folder at which it is mounted")
	case top != abs:
		return cli.WithHint(fmt.Errorf("%s is a folder on a drive", path), "name the drive itself: %s", top)
	}
	return nil
}
