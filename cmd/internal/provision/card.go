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

// Format is the way in which an image is set up at its first start.
type Format string

// The three that Raspberry Pi OS has had.
const (
	Systemd   Format = "systemd"    // firstrun.sh, which cmdline.txt names
	CloudInit Format = "cloud-init" // user-data
	Preseed   Format = "preseed"    // rpi-preseed.toml
)

// hooks merge a call of /boot/firmware/tacet/install into what Imager wrote.
var hooks = map[Format]func(*Card) error{Systemd: (*Card).hookSystemd, CloudInit: (*Card).hookCloudInit,
	Preseed: (*Card).hookPreseed}

// Card is the boot partition of a freshly imaged SD card. It is FAT: every computer can write it.
type Card struct {
	*out
	format Format
	said   []string // doubts
}

// OpenCard looks at the boot partition that is mounted at a path, and tells which format the image
// has, unless that is named.
func OpenCard(name string, format Format) (*Card, error) {
	if _, ok := hooks[format]; !ok && format != "" {
		return nil, fmt.Errorf("there is no format %q: write systemd, cloud-init or preseed", string(format))
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("look at the card: %w", err)
	}
	c := &Card{out: &out{root: root, fs: durable.OS(root)}, format: format}
	if !c.has("config.txt") || !c.has("cmdline.txt") {
		return nil, errors.Join(fmt.Errorf("%s is no boot partition of Raspberry Pi OS: it holds no config.txt and cmdline.txt; "+
			"name the folder at which the card's partition \"bootfs\" is mounted", name), root.Close())
	}
	if format == "" {
		c.detect()
	}
	return c, nil
}

// Format is the card's.
func (c *Card) Format() Format { return c.format }

func (c *Card) has(name string) bool {
	_, err := c.fs.Stat(name)
	return err == nil
}

// detect tells the format from the files that the image brings. An image that is set up by
// cloud-init brings user-data, also where nothing is set up.
func (c *Card) detect() {
	switch {
	case c.has(preseedFile):
		c.format = Preseed
	case c.has(userData) || c.has("meta-data") || c.has("network-config"):
		c.format = CloudInit
		if c.has(firstRun) {
			c.doubt("%s lies on the card, and this image doesn't read it: Raspberry Pi Imager 1 wrote it; image the card anew with Imager 2, or user and network are not set up", firstRun)
		}
	default:
		c.format = Systemd
	}
}

func (c *Card) doubt(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

// folder is where all lies that the unit's first start needs.
const folder = "tacet"

// spare is left free for the log and the unit's key, in bytes.
const spare = 1 << 20

//go:embed boot
var bootFiles embed.FS

// Prepare writes what a room's unit needs, and makes the image's first start call it: that last, so
// that a card that could not be written whole starts as it was. It can be run again. doubts are for
// a person to look at.
func (c *Card) Prepare(k *Kit, d *Debs, replace bool) (doubts []string, err error) {
	if err := c.free(k, replace); err != nil {
		return c.said, err
	}
	if err := c.root.RemoveAll(folder); err != nil {
		return c.said, err
	}
	if err := c.room(k, d); err != nil {
		return c.said, err
	}
	err = c.write(k, d)
	if err == nil {
		err = hooks[c.format](c)
	}
	if err != nil {
		if errors.Is(err, syscall.ENOSPC) {
			err = fmt.Errorf("the card's boot partition is full: image the card anew; if it is full then too, take a newer image: %w", err)
		}
		return c.said, errors.Join(err, c.root.RemoveAll(folder))
	}
	return c.said, nil
}

// free refuses a card that is another room's, or has been a unit already.
func (c *Card) free(k *Kit, replace bool) error {
	entries, err := c.fs.ReadDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".vkey") {
			return fmt.Errorf("this card has started as a unit: %s lies on it; collect that, and image the card anew", e.Name())
		}
	}
	was, err := c.read(folder + "/room")
	if err != nil {
		return err
	}
	if place := strings.TrimSpace(string(was)); place != "" && place != k.place && !replace {
		return fmt.Errorf("this card is prepared for %s: take another one, or take it over with -replace", place)
	}
	return nil
}

// room sees that all will fit.
func (c *Card) room(k *Kit, d *Debs) error {
	need := d.bytes + spare
	for _, data := range k.etc {
		need += int64(len(data)) + 32<<10 // a cluster is up to 32 KiB
	}
	free, _, err := c.fs.Space()
	if errors.Is(err, errors.ErrUnsupported) {
		return nil // it is full when it refuses a write
	}
	if err != nil {
		return err
	}
	if free < need {
		return fmt.Errorf("the card's boot partition has %d MB free, and %d MB are needed: image the card anew, with a newer image", free>>20,
			need>>20+1)
	}
	return nil
}

// write lays everything down. The room's name comes last: without it the first start does nothing.
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

// packages copies the packages. Tacet's own lose their version: one of each architecture is there.
func (c *Card) packages(d *Debs) error {
	sums := map[string][32]byte{}
	lay := func(from, to string) error {
		data, err := textfile.Bytes(filepath.Join(d.folder, filepath.FromSlash(from)), maxDeb)
		if err != nil {
			return err
		}
		sums[to] = sha256.Sum256(data)
		return c.put(folder+"/packages/"+to, data)
	}
	for arch, name := range d.own {
		if err := lay(name, "tacet_"+arch+".deb"); err != nil {
			return err
		}
	}
	for _, names := range d.others {
		for _, name := range names {
			if err := lay(name, name); err != nil {
				return err
			}
		}
	}
	return c.put(folder+"/packages/SHA256SUMS", sumLines(sums))
}

// tree lays a folder of files down, with their sums.
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

// sumLines is a file as sha256sum -c reads it.
func sumLines(sums map[string][32]byte) []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&b, "%x  %s\n", sums[name], name)
	}
	return b.Bytes()
}

// text reads a small text file of the card's; "" where there is none.
func (c *Card) text(name string) (string, error) {
	data, err := c.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(data), err
}
