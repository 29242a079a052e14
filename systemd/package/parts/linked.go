package main

import (
	"cmp"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"go/build"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/mod/module"
)

// part is a piece of somebody else's that is linked into the programs.
type part struct {
	name, version string
	purl          string
	sha256        string // hex, of the module's files as go.sum counts them; "" if there is none
	texts         []text // its licences
}

// debianPackage is a library that came from Debian.
type debianPackage struct{ copyright, version, arch string }

const malgo = "github.com/gen2brain/malgo"

// linked lists the parts of programs, in the order of their names.
func linked(programs []string, opus debianPackage) ([]part, error) {
	modules := map[string]debug.Module{}
	goVersion, cgo := "", false
	for _, path := range programs {
		info, err := buildinfo.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read what %s is made of: %w", path, err)
		}
		goVersion = info.GoVersion
		for _, s := range info.Settings {
			cgo = cgo || s.Key == "CGO_ENABLED" && s.Value == "1"
		}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			modules[m.Path] = *m
		}
	}
	parts := []part{{name: "the Go standard library", version: goVersion,
		purl: "pkg:golang/std@" + strings.TrimPrefix(goVersion, "go")}}
	var err error
	if parts[0].texts, err = licences(build.Default.GOROOT, false); err != nil {
		return nil, err
	}
	for _, m := range modules {
		p, err := goModule(m)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	if m, ok := modules[malgo]; ok {
		p, err := miniaudio(m)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	if cgo {
		p, err := libopus(opus)
		if err != nil {
			return nil, err
		}
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.name, b.name) })
	return parts, nil
}

func goModule(m debug.Module) (part, error) {
	p := part{name: m.Path, version: m.Version, purl: "pkg:golang/" + m.Path + "@" + m.Version}
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:")); err == nil {
		p.sha256 = hex.EncodeToString(sum)
	}
	dir, err := folder(m)
	if err == nil {
		p.texts, err = licences(dir, true)
	}
	return p, err
}

// folder is where a module lies in Go's cache.
func folder(m debug.Module) (string, error) {
	path, err := module.EscapePath(m.Path)
	if err != nil {
		return "", err
	}
	version, err := module.EscapeVersion(m.Version)
	if err != nil {
		return "", err
	}
	cache := cmp.Or(os.Getenv("GOMODCACHE"), filepath.Join(build.Default.GOPATH, "pkg/mod"))
	return filepath.Join(cache, path+"@"+version), nil
}

var miniaudioVersion = regexp.MustCompile(`#define MA_VERSION_(?:MAJOR|MINOR|REVISION) +(\d+)`)

// miniaudio is one header inside of malgo; its licence stands at its end.
func miniaudio(m debug.Module) (part, error) {
	dir, err := folder(m)
	if err != nil {
		return part{}, err
	}
	header, err := os.ReadFile(filepath.Join(dir, "miniaudio.h"))
	if err != nil {
		return part{}, err
	}
	var version []string
	for _, found := range miniaudioVersion.FindAllSubmatch(header, -1) {
		version = append(version, string(found[1]))
	}
	_, licence, ok := strings.Cut(string(header), "This software is available as a choice")
	if !ok || len(version) != 3 {
		return part{}, fmt.Errorf("%s: no licence at its end, or no version", filepath.Join(dir, "miniaudio.h"))
	}
	licence = "This software is available as a choice" + strings.TrimSuffix(strings.TrimSpace(licence), "*/")
	v := strings.Join(version, ".")
	t := newText(licence)
	t.spdx = []string{"Unlicense OR MIT-0"} // which licensecheck can't tell
	return part{name: "miniaudio", version: v, purl: "pkg:github/mackron/miniaudio@" + v, texts: []text{t}}, nil
}

func libopus(d debianPackage) (part, error) {
	if d.version == "" {
		return part{}, fmt.Errorf("say with -opus-version which libopus it is")
	}
	b, err := os.ReadFile(d.copyright)
	if err != nil {
		return part{}, fmt.Errorf("the licence of libopus: %w", err)
	}
	t := newText(string(b))
	t.spdx = []string{"BSD-3-Clause"}
	return part{name: "libopus", version: d.version, texts: []text{t},
		purl: "pkg:deb/debian/opus@" + d.version + "?arch=" + d.arch + "&distro=bookworm"}, nil
}
