package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// path reads an absolute path on the unit.
func (b block) path(key, fallback string) string {
	v, ok := b.get(key, kindText, `"/…", in quotes`)
	if !ok {
		return fallback
	}
	if !isAbs(v.text) || isShare(v.text) {
		b.notAbs(key, v.text)
		return fallback
	}
	b.warnHidden(key, v.text)
	return clean(v.text)
}

// openFile reads the path of a file that is not secret. It warns if the file is missing.
func (b block) openFile(key string) string { return b.file(key, false) }

// secretFile reads the path of a file with a secret. The value may be the secret itself, so no
// message repeats it.
func (b block) secretFile(key string) string { return b.file(key, true) }

func (b block) file(key string, secret bool) string {
	v, ok := b.get(key, kindText, `"/etc/tacet/…", in quotes`)
	if !ok {
		return ""
	}
	if !isAbs(v.text) {
		if secret {
			b.fail(key, "is not an absolute path",
				"write the path of a file, as in \"/etc/tacet/"+strings.TrimSuffix(key, "_file")+"\", never the secret itself")
		} else {
			b.notAbs(key, v.text)
		}
		return ""
	}
	b.warnHidden(key, v.text)
	file := clean(v.text)
	info, err := os.Stat(filepath.FromSlash(file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b.c.absent = append(b.c.absent, absent{file, b.key(key), b.line(key)})
	case err != nil:
		b.warn(key, file+": "+cause(err).Error(), "make sure that it is on the unit")
	case !info.Mode().IsRegular():
		b.warn(key, file+" is not an ordinary file", "make sure that it is on the unit")
	case secret && readableByAll(info):
		b.warn(key, "everybody on this machine can read "+file, "set its mode to 640 and its group to the service's")
	}
	return file
}

// absent is a file that may exist only on the unit.
type absent struct {
	file string
	key  string
	line int
}

// warnAbsent warns, once, of all files that are missing on this machine. At a desk that is
// expected, and a line for each would hide what matters.
func (c *checker) warnAbsent() {
	var files []string
	for _, a := range c.absent {
		if !slices.Contains(files, a.file) {
			files = append(files, a.file)
		}
	}
	if len(files) == 0 {
		return
	}
	if first := c.absent[0]; len(files) == 1 {
		c.warn(first.line, first.key, first.file+" is not on this machine", "make sure that it is on the unit")
		return
	}
	c.warn(c.absent[0].line, "", fmt.Sprintf("%d files are not on this machine: %s", len(files),
		strings.Join(files, ", ")), "make sure that they are on the unit")
}

func readableByAll(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o004 != 0
}

var windowsPath = regexp.MustCompile(`^([A-Za-z]:|\\\\)`)

// shareForm is how people name a share: //nas/recordings, nas:/recordings, smb://nas/recordings.
var shareForm = regexp.MustCompile(`^(?i:(//|(smb|cifs|nfs)://)[^/]+(/|$)|[a-z0-9.-]{2,}:/([^/]|$))`)

// isShare reports whether text names a share. A path may start with two slashes, but hardly does.
func isShare(text string) bool { return shareForm.MatchString(text) }

// notAbs says what to write instead of a path that is not absolute.
func (b block) notAbs(key, text string) {
	what, instead := quote(text)+" is not an absolute path", `write the whole path, starting with "/"`
	switch {
	case windowsPath.MatchString(text):
		what, instead = quote(text)+" is a Windows path, but the unit runs Linux",
			`write the path on the unit, starting with "/"; a share is mounted there first: see systemd/README.md`
	case isShare(text):
		what, instead = quote(text)+" is the address of a share, not a folder on the unit",
			`write the folder at which the share is mounted on the unit, starting with "/": see systemd/README.md`
	case strings.HasPrefix(text, "~"):
		instead = `write the whole path, starting with "/": ~ is not expanded here`
	case strings.TrimSpace(text) != text && isAbs(strings.TrimSpace(text)):
		instead = fmt.Sprintf("write %s = %q, without the space", key, strings.TrimSpace(text))
	case strings.HasPrefix(text, "file://"):
		instead = fmt.Sprintf("write %s = %q", key, strings.TrimPrefix(text, "file://"))
	}
	b.fail(key, what, instead)
}

// warnHidden warns of an invisible character in a path. It is unlikely to be part of the name.
func (b block) warnHidden(key, text string) {
	if i := strings.IndexFunc(text, isHidden); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		what, instead := describeInValue(r, utf8.RuneCountInString(text[:i])+1)
		b.warn(key, what, instead)
	} else if strings.TrimRight(text, " ") != text {
		b.warn(key, quote(text)+" ends with a space", "delete it, unless it belongs to the folder's name")
	}
}

// isAbs accepts absolute paths of the unit and, for trying things out, of the desk.
func isAbs(p string) bool { return path.IsAbs(p) || filepath.IsAbs(p) }

func clean(p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return filepath.Clean(p)
}

// address reads a URL with one of the schemes, a host, and at most a user. Messages don't repeat
// it, because it may contain a password; instead says what to do about one.
func (b block) address(key, example, instead string, schemes ...string) *url.URL {
	v, ok := b.get(key, kindText, strconv.Quote(example))
	if !ok {
		return nil
	}
	if !b.noLookalikes(key, v.text) {
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
			return fail("the address contains a password", instead)
		}
	}
	if what, remedy := explainURL(v.text, err, schemes[0], example); what != "" {
		return fail(what, remedy)
	}
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return fail("is not an address", write)
	case !slices.Contains(schemes, u.Scheme):
		return fail(u.Scheme+" is not supported", "write "+strings.Join(schemes, ":// or ")+"://")
	case port < 0 || port > 65535 || u.Port() != "" && port == 0 || strings.HasSuffix(u.Host, ":"):
		return fail("the port is not valid", "write a number between 1 and 65535, or none")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fail("there is something after the path", write)
	}
	return u
}

var (
	bareHost = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[A-Za-z0-9/._-]*)?$`)
	bareIPv6 = regexp.MustCompile(`://([^@/\[\]]*@)?[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:]*[^@\[\]]*$`)
)

// explainURL says why an address can't be read, or means something else than it seems to. It
// returns "" if there is no better message than that.
func explainURL(text string, err error, scheme, example string) (what, instead string) {
	var escape url.EscapeError
	zone := strings.Index(text, "%")
	open, shut := strings.Index(text, "["), strings.Index(text, "]")
	switch {
	case strings.ContainsAny(text, " \t"):
		return "contains a space", "delete it; in a path, write %20 for it"
	case bareHost.MatchString(text):
		return "names no protocol", "write " + scheme + ":// before it, as in " + strconv.Quote(example)
	case errors.As(err, &escape) && open >= 0 && open < zone && zone < shut:
		return "names the interface after a %, which starts a character code in an address",
			"write %25 instead of the %"
	case errors.As(err, &escape):
		return "contains a %, which starts a character code in an address", "write %25 for the character % itself"
	case bareIPv6.MatchString(text): // also where the last group passes for a port
		return "the IPv6 address has no brackets", "write [ before it, and ] after it, before the port"
	case strings.Contains(text, "\\"):
		return "contains a \\, and an address has none", "write / instead"
	}
	return "", ""
}
