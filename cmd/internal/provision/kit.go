package provision

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tacet/config"
	"tacet/daemon/durable"
)

// Kit holds the files of one room's unit.
type Kit struct {
	place    string            // SITE/ROOM
	etc      map[string][]byte // the files of /etc/tacet
	firmware string            // a line for the firmware's config.txt
}

// Place returns SITE/ROOM.
func (k *Kit) Place() string { return k.place }

// Find reads the files that [Plan.Write] wrote for a room. The room is SITE/ROOM, or just ROOM if
// only one site has it.
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
		return nil, fmt.Errorf("there is no room %q in %s; it holds %s", short(room), folder, few(places))
	case len(found) > 1:
		return nil, fmt.Errorf("several sites have a room %s: write one of %s", room, few(found))
	}
	return o.kit(folder, found[0])
}

func existing(folder string) (*out, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, fmt.Errorf("open the folder of the rooms: %w", err)
	}
	return &out{root: root, fs: durable.OS(root)}, nil
}

func few(names []string) string {
	if len(names) > 8 {
		return strings.Join(names[:8], ", ") + fmt.Sprintf(" and %d more", len(names)-8)
	}
	return strings.Join(names, ", ")
}

// kit reads a room's folder, and checks its config.
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
		return nil, fmt.Errorf("%s/%s is the config of %s: run tacet provision with the list of rooms again",
			at, configFile, got)
	}
	k.firmware, err = darkAtBoot(cfg.Light)
	return k, err
}

var lineNumber = regexp.MustCompile(`^(?:GPIO|gpiochip[04]:)([0-9]+)$`)

// darkAtBoot returns the line of config.txt that makes the firmware keep the light off until tacetd
// starts.
func darkAtBoot(l config.Light) (string, error) {
	m := lineNumber.FindStringSubmatch(l.Line)
	if m == nil {
		return "", fmt.Errorf("the firmware can't keep the light off at boot: its line %q is not on the header", l.Line)
	}
	level := "dl"
	if l.Active == config.Low {
		level = "dh"
	}
	return "gpio=" + m[1] + "=op," + level, nil
}

// Debs are the Debian packages that units install at their first start.
type Debs struct {
	folder string
	own    map[string]string   // Tacet's package, by architecture
	others map[string][]string // packages that it depends on and an image may lack, by SUITE/ARCH
	bytes  int64
}

var ownDeb = regexp.MustCompile(`^tacet_[0-9A-Za-z.+~-]+_([a-z0-9]+)\.deb$`)

const maxDeb = 100 << 20 // bytes of a package

// Packages lists a folder of packages, such as bundle.sh makes: tacet_VERSION_ARCH.deb in the
// folder itself, and its dependencies in SUITE/ARCH.
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
		return nil, fmt.Errorf("list the packages: there is no folder %s", folder)
	case err != nil:
		return nil, fmt.Errorf("list the packages: %w", err)
	case d.own["arm64"] == "" && d.own["armhf"] == "":
		return nil, fmt.Errorf("%s holds no package for a Raspberry Pi (tacet_VERSION_arm64.deb or tacet_VERSION_armhf.deb)%s",
			folder, but(d.Architectures()))
	}
	return d, nil
}

func but(archs []string) string {
	if len(archs) == 0 {
		return ""
	}
	return ", only for " + strings.Join(archs, " and ")
}

func (d *Debs) add(name string) error {
	switch dir := path.Dir(name); {
	case dir == ".":
		m := ownDeb.FindStringSubmatch(name)
		if m == nil {
			return fmt.Errorf("%s is not Tacet's package; other packages belong in SUITE/ARCH, such as bookworm/arm64", name)
		}
		if other := d.own[m[1]]; other != "" {
			return fmt.Errorf("%s and %s are both for %s: remove one", other, name, m[1])
		}
		d.own[m[1]] = name
	case strings.Count(dir, "/") == 1:
		d.others[dir] = append(d.others[dir], name)
	default:
		return fmt.Errorf("%s is too deep: packages belong in SUITE/ARCH, such as bookworm/arm64", name)
	}
	return nil
}

// Architectures returns the architectures that Tacet's package is there for, sorted.
func (d *Debs) Architectures() []string { return slices.Sorted(maps.Keys(d.own)) }
