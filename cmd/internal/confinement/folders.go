// Package confinement knows the sandbox of systemd/tacetd.service: which folders it leaves writable,
// and which of a unit file's settings make it up. Tests compare it with the unit file.
package confinement

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"tacet/config"
)

var (
	// writable are the folders in which the service may write.
	writable = []string{"/var/lib/tacet", "/run/media/tacet", "/mnt", "/media", "/srv"}
	// hidden are folders that it can't see, or that it has for itself. No drop-in of one line opens
	// them.
	hidden = []string{"/home", "/root", "/run/user", "/run/credentials", "/tmp", "/var/tmp", "/dev", "/proc", "/sys",
		"/boot", "/efi", "/etc", "/var/backups", "/var/cache", "/var/mail", "/var/log", "/var/spool"}
)

// Folder is one that the service writes to.
type Folder struct {
	Key    string // as the configuration names it
	Path   string
	Hidden bool // the service can't see it; otherwise it can't write there
}

// Outside returns the folders of a configuration that the sandbox shuts out.
func Outside(c *config.Config) (folders []Folder) {
	add := func(key, folder string) {
		in := func(top string) bool { return folder == top || strings.HasPrefix(folder, top+"/") }
		if folder != "" && !slices.ContainsFunc(writable, in) {
			folders = append(folders, Folder{key, folder, slices.ContainsFunc(hidden, in)})
		}
	}
	add("unit.key", path.Dir(c.Unit.Key))
	add("spool.path", c.Spool.Path)
	for _, s := range c.Stores {
		add("store.path", s.Path)
	}
	return folders
}

// Problem says that the service can't write to a folder.
func (f Folder) Problem(file string) config.Problem {
	p := config.Problem{File: file, Key: f.Key, What: f.Path + " is outside the folders that the service may write to: " +
		strings.Join(writable, ", "), Instead: "choose a folder in one of these, or install the drop-in below on the unit"}
	if f.Hidden {
		p.What = "the service can't see " + f.Path
		p.Instead = "choose a folder elsewhere, such as /srv" + path.Clean("/"+path.Base(f.Path))
	}
	return p
}

// DropInFile is where the drop-in belongs.
const DropInFile = "/etc/systemd/system/tacetd.service.d/folders.conf"

// DropIn returns the drop-in that lets the service write to the folders, or "" if none needs it.
func DropIn(folders []Folder) string {
	var paths []string
	for _, f := range folders {
		// A folder that isn't there, such as that of a share, must not keep the service from starting.
		if word := word("-" + f.Path); !f.Hidden && !slices.Contains(paths, word) {
			paths = append(paths, word)
		}
	}
	if len(paths) == 0 {
		return ""
	}
	return fmt.Sprintf("[Service]\nReadWritePaths=%s\n", strings.Join(paths, " "))
}

// word writes text as one word of a unit file.
func word(text string) string {
	text = strings.ReplaceAll(text, "%", "%%")
	if strings.ContainsAny(text, " \"'\\") {
		return strconv.Quote(text)
	}
	return text
}
