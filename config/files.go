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

// path takes an absolute path on the unit.
func (b block) path(key, otherwise string) string {
	v, ok := b.get(key, aText, `"/…", between quotes`)
	if !ok {
		return otherwise
	}
	if !isAbs(v.text) || isShare(v.text) {
		b.notAbs(key, v.text)
		return otherwise
	}
	b.seen(key, v.text)
	return clean(v.text)
}

// openFile takes the path of a file that the unit reads, and warns if it isn't here. Anybody may
// see what is in it.
func (b block) openFile(key string) string { return b.file(key, false) }

// secretFile takes the path of a file with a secret in it. What somebody wrote in its place may be
// the secret itself, so no message repeats it.
func (b block) secretFile(key string) string { return b.file(key, true) }

func (b block) file(key string, secret bool) string {
	v, ok := b.get(key, aText, `"/etc/tacet/…", between quotes`)
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
	b.seen(key, v.text)
	file := clean(v.text)
	info, err := os.Stat(filepath.FromSlash(file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b.c.absent = append(b.c.absent, absent{file, b.key(key), b.line(key)})
	case err != nil:
		b.warn(key, file+": "+cause(err).Error(), "see that it is on the unit")
	case !info.Mode().IsRegular():
		b.warn(key, file+" is not an ordinary file", "see that it is on the unit")
	case secret && readableByAll(info):
		b.warn(key, "everybody on this machine can read "+file, "chmod 640 it, with the service's group")
	}
	return file
}

// absent is a file that only the unit may have.
type absent struct {
	file string
	key  string
	line int
}

// notHere warns, once, of all files that aren't on this machine: at a desk they are expected to be
// missing, and one line for each would bury what matters.
func (c *checker) notHere() {
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
		c.warn(first.line, first.key, first.file+" is not on this machine", "see that it is on the unit")
		return
	}
	c.warn(c.absent[0].line, "", fmt.Sprintf("%d files are named that only the unit has: %s", len(files),
		strings.Join(files, ", ")), "see that they are on the unit")
}

func readableByAll(info fs.FileInfo) bool {
	return runtime.GOOS != "windows" && info.Mode().Perm()&0o004 != 0
}

var windowsPath = regexp.MustCompile(`^([A-Za-z]:|\\\\)`)

// shareForm is how a share is named to those who mount it: //nas/recordings, nas:/recordings,
// smb://nas/recordings.
var shareForm = regexp.MustCompile(`^(?i:(//|(smb|cifs|nfs)://)[^/]+(/|$)|[a-z0-9.-]{2,}:/([^/]|$))`)

// isShare takes for a share what begins with two slashes and a name; as a path that would be the
// folder of that name.
func isShare(text string) bool { return shareForm.MatchString(text) }

// notAbs says what to write for a path that isn't absolute.
func (b block) notAbs(key, text string) {
	what, instead := shown(text)+" is not an absolute path", `write the whole path, beginning with "/"`
	switch {
	case windowsPath.MatchString(text):
		what, instead = shown(text)+" is a path of Windows, and the unit runs Linux",
			`write the path on the unit, beginning with "/"; a share is mounted there first: see README.md`
	case isShare(text):
		what, instead = shown(text)+" is a share's address, and not a folder on the unit",
			`write the folder at which the unit has it mounted, beginning with "/": see README.md`
	case strings.HasPrefix(text, "~"):
		instead = `write the whole path, beginning with "/": nothing takes ~ for a folder here`
	case strings.TrimSpace(text) != text && isAbs(strings.TrimSpace(text)):
		instead = fmt.Sprintf("write %s = %q, without the space", key, strings.TrimSpace(text))
	case strings.HasPrefix(text, "file://"):
		instead = fmt.Sprintf("write %s = %q", key, strings.TrimPrefix(text, "file://"))
	}
	b.fail(key, what, instead)
}

// seen warns of a path with a character that nobody sees: it may be the folder's name, and hardly
// is.
func (b block) seen(key, text string) {
	if i := strings.IndexFunc(text, isHidden); i >= 0 {
		r, _ := utf8.DecodeRuneInString(text[i:])
		what, instead := oddIn(r, utf8.RuneCountInString(text[:i])+1)
		b.warn(key, what, instead)
	} else if strings.TrimRight(text, " ") != text {
		b.warn(key, shown(text)+" ends with a space", "delete it, unless the folder's name ends so")
	}
}

// isAbs takes the unit's paths and, so that a desk can try things out, the desk's own.
func isAbs(p string) bool { return path.IsAbs(p) || filepath.IsAbs(p) }

func clean(p string) string {
	if path.IsAbs(p) {
		return path.Clean(p)
	}
	return filepath.Clean(p)
}

// address takes a URL with one of the schemes, a host and at most a user. What can't be read isn't
// repeated: a password may stand in it. instead is for one that does.
func (b block) address(key, example, instead string, schemes ...string) *url.URL {
	v, ok := b.get(key, aText, strconv.Quote(example))
	if !ok {
		return nil
	}
	if !b.noOdd(key, v.text) {
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
	if what, remedy := misread(v.text, err, schemes[0], example); what != "" {
		return fail(what, remedy)
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

var (
	bareHost = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?(/[A-Za-z0-9/._-]*)?$`)
	bareIPv6 = regexp.MustCompile(`://([^@/\[\]]*@)?[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:]*[^@\[\]]*$`)
)

// misread says why an address that can't be read, or means something else than it seems to, can't;
// "" if nothing better is to say than that.
func misread(text string, err error, scheme, example string) (what, instead string) {
	var escape url.EscapeError
	zone := strings.Index(text, "%")
	open, shut := strings.Index(text, "["), strings.Index(text, "]")
	switch {
	case strings.ContainsAny(text, " \t"):
		return "holds a space", "delete it; in a path, write %20 for it"
	case bareHost.MatchString(text):
		return "names no protocol", "write " + scheme + ":// before it, as in " + strconv.Quote(example)
	case errors.As(err, &escape) && open >= 0 && open < zone && zone < shut:
		return "names the interface after a %, which begins a character's number in an address",
			"write %25 in the place of the %"
	case errors.As(err, &escape):
		return "holds a %, which begins a character's number in an address", "write %25 for the character % itself"
	case bareIPv6.MatchString(text): // also where the last group passes for a port
		return "an IPv6 address stands without brackets", "write [ before it, and ] after it, before the port"
	case strings.Contains(text, "\\"):
		return "holds a \\, and an address has none", "write / in its place"
	}
	return "", ""
}
