package provision

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tacet/config"
	"tacet/daemon/durable"
)

// Kit is what was made for one room's unit.
type Kit struct {
	place    string            // SITE/ROOM
	etc      map[string][]byte // what goes to /etc/tacet
	firmware string            // lines for the firmware's config.txt
}

// Place is SITE/ROOM.
func (k *Kit) Place() string { return k.place }

// Find reads what was made for a room, which is named as SITE/ROOM, or as ROOM where only one site
// has it.
func Find(folder, room string) (*Kit, error) {
	o, err := existing(folder)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	places, err := o.rooms()
	if err != nil {
		return nil, fmt.Errorf("look for %s: %w", room, err)
	}
	var found []string
	for _, p := range places {
		if p == room || path.Base(p) == room {
			found = append(found, p)
		}
	}
	switch {
	case len(places) == 0:
		return nil, fmt.Errorf("%s holds no rooms: run tacet provision with a list of rooms first", folder)
	case len(found) == 0:
		return nil, fmt.Errorf("there is no room %q in %s; those there are %s", short(room), folder, few(places))
	case len(found) > 1:
		return nil, fmt.Errorf("several sites have a room %s: write one of %s", room, few(found))
	}
	return o.kit(folder, found[0])
}

func existing(folder string) (*out, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("look for what was made: %w", err)
	}
	return &out{root: root, fs: durable.OS(root)}, nil
}

func few(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:8], ", ") + fmt.Sprintf(" and %d more", len(names)-8)
	}
	return strings.Join(names, ", ")
}

// kit reads a room's folder, and checks the config as the unit will have it.
func (o *out) kit(folder, place string) (*Kit, error) {
	k := &Kit{place: place, etc: map[string][]byte{}}
	at := place + "/" + etcFolder
	entries, err := o.fs.ReadDir(at)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", at, err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), durable.TempSuffix) {
			continue
		}
		if k.etc[e.Name()], err = o.read(at + "/" + e.Name()); err != nil {
			return nil, fmt.Errorf("read %s/%s: %w", at, e.Name(), err)
		}
	}
	cfg, _, err := config.Load(filepath.Join(folder, filepath.FromSlash(at), configFile))
	if err != nil {
		return nil, err
	}
	if got := cfg.Room.Site + "/" + cfg.Room.ID; got != place {
		return nil, fmt.Errorf("%s/%s is the config of %s: run tacet provision with the list of rooms again", at, configFile,
			got)
	}
	k.firmware, err = darkAtBoot(cfg.Light)
	return k, err
}

var lineNumber = regexp.MustCompile(`^(?:GPIO|gpiochip[04]:)([0-9]+)$`)

// darkAtBoot is the line with which the firmware holds the light dark before the recorder runs.
func darkAtBoot(l config.Light) (string, error) {
	m := lineNumber.FindStringSubmatch(l.Line)
	if m == nil {
		return "", fmt.Errorf("the light's line %q is not on the header, and can't be held dark at boot", l.Line)
	}
	level := "dl"
	if l.Active == config.Low {
		level = "dh"
	}
	return "gpio=" + m[1] + "=op," + level, nil
}

// Debs are the packages for the units.
type Debs struct {
	folder string
	own    map[string]string   // tacet's own, by architecture
	others map[string][]string // what it needs and an image may lack, by SUITE/ARCH
	bytes  int64
}

var ownDeb = regexp.MustCompile(`^tacet_[0-9A-Za-z.+~-]+_([a-z0-9]+)\.deb$`)

const maxDeb = 100 << 20

// Packages looks through a folder of packages: tacet_VERSION_ARCH.deb in the folder itself, and in
// SUITE/ARCH what the units need beside it.
func Packages(folder string) (*Debs, error) {
	d := &Debs{folder: folder, own: map[string]string{}, others: map[string][]string{}}
	err := filepath.WalkDir(folder, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || filepath.Ext(name) != ".deb" {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if info.Size() > maxDeb {
			return fmt.Errorf("%s is larger than %d MB", name, maxDeb>>20)
		}
		d.bytes += info.Size()
		rel, err := filepath.Rel(folder, name)
		if err != nil {
			return err
		}
		return d.add(filepath.ToSlash(rel))
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("look at the packages: there is no folder %s", folder)
	case err != nil:
		return nil, fmt.Errorf("look at the packages: %w", err)
	case d.own["arm64"] == "" && d.own["armhf"] == "":
		return nil, fmt.Errorf("%s holds no package for a Raspberry Pi: tacet_VERSION_arm64.deb or tacet_VERSION_armhf.deb%s",
			folder,
			but(d.Architectures()))
	}
	return d, nil
}

func but(archs []string) string {
	if len(archs) == 0 {
		return ""
	}
	return ", but for " + strings.Join(archs, " and ")
}

func (d *Debs) add(name string) error {
	switch dir := path.Dir(name); {
	case dir == ".":
		m := ownDeb.FindStringSubmatch(name)
		if m == nil {
			return fmt.Errorf("%s is no package of tacet's; others lie in SUITE/ARCH, as in bookworm/arm64", name)
		}
		if other := d.own[m[1]]; other != "" {
			return fmt.Errorf("%s and %s are both for %s: take one away", other, name, m[1])
		}
		d.own[m[1]] = name
	case strings.Count(dir, "/") == 1:
		d.others[dir] = append(d.others[dir], name)
	default:
		return fmt.Errorf("%s lies too deep: packages lie in SUITE/ARCH, as in bookworm/arm64", name)
	}
	return nil
}

// Architectures are those that there is a package for.
func (d *Debs) Architectures() []string { return slices.Sorted(mapKeys(d.own)) }

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
