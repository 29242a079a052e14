package provision

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"tacet/config/textfile"
	"tacet/daemon/durable"
)

// Format is how an image of Raspberry Pi OS is customised at its first boot.
type Format string

// The formats of Raspberry Pi OS, with the file that each reads.
const (
	Systemd   Format = "systemd"    // firstrun.sh, which cmdline.txt names
	CloudInit Format = "cloud-init" // user-data
	Preseed   Format = "preseed"    // rpi-preseed.toml
)

// hooks add a call of /boot/firmware/tacet/install to the file that Raspberry Pi Imager wrote.
var hooks = map[Format]func(*Card) error{Systemd: (*Card).hookSystemd, CloudInit: (*Card).hookCloudInit,
	Preseed: (*Card).hookPreseed}

// Card is the boot partition of a newly imaged SD card. It is FAT, so every computer can write to
// it.
type Card struct {
	*out
	format Format
	doubts []string // for the user to look at
}

// OpenCard opens the boot partition that is mounted at a path. If format is "", it detects the
// format.
func OpenCard(name string, format Format) (*Card, error) {
	if _, ok := hooks[format]; !ok && format != "" {
		return nil, fmt.Errorf("unknown format %q: write systemd, cloud-init or preseed", string(format))
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("open the card: %w", err)
	}
	c := &Card{out: &out{root: root, fs: durable.OS(root)}, format: format}
	if !c.has("config.txt") || !c.has("cmdline.txt") {
		return nil, errors.Join(fmt.Errorf("%s is not the boot partition of Raspberry Pi OS: it lacks config.txt or cmdline.txt; "+
			"name the folder where the card's partition \"bootfs\" is mounted", name), root.Close())
	}
	if format == "" {
		c.detect()
	}
	return c, nil
}

// Format returns the card's format.
func (c *Card) Format() Format { return c.format }

func (c *Card) has(name string) bool {
	_, err := c.fs.Stat(name)
	return err == nil
}

// detect sets the format, by the files on the card. An image with cloud-init always has user-data,
// even if Imager was not asked to customise anything.
func (c *Card) detect() {
	switch {
	case c.has(preseedFile):
		c.format = Preseed
	case c.has(userData) || c.has("meta-data") || c.has("network-config"):
		c.format = CloudInit
		if c.has(firstRun) {
			c.doubt("Raspberry Pi Imager 1 wrote %s, which this image ignores, so it sets up neither user nor network; "+
				"write the image again with Imager 2", firstRun)
		}
	default:
		c.format = Systemd
	}
}

func (c *Card) doubt(format string, args ...any) {
	c.doubts = append(c.doubts, fmt.Sprintf(format, args...))
}

// folder holds everything that the unit's first start needs.
const folder = "tacet"

// spare is the space to leave for the log and the unit's key, in bytes.
const spare = 1 << 20

//go:embed boot
var bootFiles embed.FS

// Prepare writes a room's files and the packages to the card, and then makes the image's first boot
// run the installer. If writing fails, the card boots as before. Prepare can be run again; replace
// allows it to take over a card that was prepared for another room. Somebody should read the
// doubts.
func (c *Card) Prepare(k *Kit, d *Debs, replace bool) (doubts []string, err error) {
	if err := c.checkUnused(k, replace); err != nil {
		return c.doubts, err
	}
	if err := c.root.RemoveAll(folder); err != nil {
		return c.doubts, err
	}
	if err := c.checkSpace(k, d); err != nil {
		return c.doubts, err
	}
	err = c.write(k, d)
	if err == nil {
		err = hooks[c.format](c)
	}
	if err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			err = fmt.Errorf("the card's boot partition is full: write the image again, or a newer one: %w", err)
		}
		return c.doubts, errors.Join(err, c.root.RemoveAll(folder))
	}
	return c.doubts, nil
}

// checkUnused refuses a card that was prepared for another room, or that a unit has booted from.
func (c *Card) checkUnused(k *Kit, replace bool) error {
	entries, err := c.fs.ReadDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".vkey") {
			return fmt.Errorf("a unit has started from this card and left %s on it: collect that key, and write the image again",
				e.Name())
		}
	}
	was, err := c.read(folder + "/room")
	if err != nil {
		return err
	}
	if place := strings.TrimSpace(string(was)); place != "" && place != k.place && !replace {
		return fmt.Errorf("this card was prepared for %s: use another card, or -replace", place)
	}
	return nil
}

// checkSpace checks that everything fits on the card.
func (c *Card) checkSpace(k *Kit, d *Debs) error {
	need := d.bytes + spare
	for _, data := range k.etc {
		need += int64(len(data)) + 32<<10 // FAT's largest cluster here is 32 KiB
	}
	free, _, err := c.fs.Space()
	if errors.Is(err, errors.ErrUnsupported) {
		return nil // a write will fail if it is full
	}
	if err != nil {
		return err
	}
	if free < need {
		return fmt.Errorf("the card's boot partition has %d MB free, but needs %d MB: write a newer image to it",
			free>>20, need>>20+1)
	}
	return nil
}

// write writes everything. The file room comes last: without it, the first start does nothing.
func (c *Card) write(k *Kit, d *Debs) error {
	if err := c.tree(folder+"/etc", k.etc); err != nil {
		return err
	}
	if err := c.packages(d); err != nil {
		return err
	}
	for _, name := range []string{"install", "firstboot", "tacet-firstboot.service"} {
		data, err := bootFiles.ReadFile("boot/" + name)
		if err == nil {
			err = c.put(folder+"/"+name, data)
		}
		if err != nil {
			return err
		}
	}
	for _, f := range []struct{ name, text string }{
		{"config.txt", k.firmware}, {"made", strconv.FormatInt(time.Now().Unix(), 10)}, {"room", k.place},
	} {
		if err := c.put(folder+"/"+f.name, []byte(f.text+"\n")); err != nil {
			return err
		}
	}
	return nil
}

// packages copies the packages. Tacet's lose the version in their names, so that the unit can name
// them.
func (c *Card) packages(d *Debs) error {
	sums := map[string][32]byte{}
	copyDeb := func(from, to string) error {
		data, err := textfile.Bytes(filepath.Join(d.folder, filepath.FromSlash(from)), maxDeb)
		if err != nil {
			return err
		}
		sums[to] = sha256.Sum256(data)
		return c.put(folder+"/packages/"+to, data)
	}
	for arch, name := range d.own {
		if err := copyDeb(name, "tacet_"+arch+".deb"); err != nil {
			return err
		}
	}
	for _, names := range d.others {
		for _, name := range names {
			if err := copyDeb(name, name); err != nil {
				return err
			}
		}
	}
	return c.put(folder+"/packages/SHA256SUMS", sumLines(sums))
}

// tree writes a folder of files, with a file SHA256SUMS.
func (c *Card) tree(at string, files map[string][]byte) error {
	sums := map[string][32]byte{}
	for name, data := range files {
		sums[name] = sha256.Sum256(data)
		if err := c.put(path.Join(at, name), data); err != nil {
			return err
		}
	}
	return c.put(at+"/SHA256SUMS", sumLines(sums))
}

// sumLines returns a file for sha256sum -c.
func sumLines(sums map[string][32]byte) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&b, "%x  %s\n", sums[name], name)
	}
	return b.Bytes()
}

// text reads a text file on the card. It returns "" if there is none.
func (c *Card) text(name string) (string, error) {
	data, err := c.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(data), err
}
