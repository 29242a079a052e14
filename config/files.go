package config

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// path takes an absolute path on the unit.
func (b block) path(key, otherwise string) string {
	v, ok := b.get(key, aText, `"/…", between quotes`)
	if !ok {
		return otherwise
	}
	if !isAbs(v.text) {
		b.fail(key, shown(v.text)+" is not an absolute path", `write the whole path, beginning with "/"`)
		return otherwise
	}
	return clean(v.text)
}

// openFile takes the path of a file that the unit reads, and warns if it isn't here. Anybody may see what is in it.
func (b block) openFile(key string) string { return b.file(key, false) }

// secretFile takes the path of a file with a secret in it. What somebody wrote in its place may be the secret itself, so no
// message repeats it.
func (b block) secretFile(key string) string { return b.file(key, true) }

func (b block) file(key string, secret bool) string {
	v, ok := b.get(key, aText, `"/etc/tacet/…", between quotes`)
	if !ok {
		return ""
	}
	if !isAbs(v.text) {
		what, instead := shown(v.text)+" is not an absolute path", `write the whole path, beginning with "/"`
		if secret {
			what, instead = "is not an absolute path", "write the path of a file, as in \"/etc/tacet/"+strings.TrimSuffix(key, "_file")+"\", never the secret itself"
		}
		b.fail(key, what, instead)
		return ""
	}
	file := clean(v.text)
	info, err := os.Stat(filepath.FromSlash(file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b.warn(key, file+" is not on this machine", "see that it is on the unit")
	case err != nil:
		b.warn(key, file+": "+cause(err).Error(), "see that it is on the unit")
	case !info.Mode().IsRegular():
		b.warn(key, file+" is not an ordinary file", "see that it is on the unit")
	case secret && readableByAll(info):
		b.warn(key, "everybody on this machine can read "+file, "chmod 640 it, with the service's group")
	}
	return file
}

func readableByAll(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o004 != 0
}

// isAbs takes the unit's paths and, so that a desk can try things out, the desk's own.
func isAbs(p string) bool { return path.IsAbs(p) || filepath.IsAbs(p) }

func clean(p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return filepath.Clean(p)
}

// address takes a URL with one of the schemes, a host and at most a user. What can't be read isn't repeated: a password
// may stand in it. instead is for one that does.
func (b block) address(key, example, instead string, schemes ...string) *url.URL {
	v, ok := b.get(key, aText, strconv.Quote(example))
	if !ok {
		return nil
	}
	u, err := url.Parse(v.text)
	port := 0
	if err == nil && u.Port() != "" {
		port, err = strconv.Atoi(u.Port())
	}
	write := "write one like " + strconv.Quote(example)
	fail := func(what, instead string) *url.URL {
		b.fail(key, what, instead)
		return nil
	}
	if err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			return fail("a password stands in the address", instead)
		}
	}
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return fail("is not an address", write)
	case !slices.Contains(schemes, u.Scheme):
		return fail(u.Scheme+" is not spoken here", "write "+strings.Join(schemes, ":// or ")+"://")
	case port < 0 || port > 65535 || u.Port() != "" && port == 0 || strings.HasSuffix(u.Host, ":"):
		return fail("the port is not one", "write a number between 1 and 65535, or none")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fail("there is something behind the path", write)
	}
	return u
}
