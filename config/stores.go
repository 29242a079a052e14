package config

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// spool returns its section, because its key release depends on the stores.
func (c *checker) spool(cfg *Config) block {
	b := c.block("spool")
	cfg.Spool = Spool{
		Path:    b.path("path", "/var/lib/tacet/spool"),
		Reserve: b.duration("reserve", 2*time.Hour, 0, 1000*time.Hour, "h", "m"),
		Release: b.choice("release", All, All, Any, Never),
	}
	if cfg.Spool.Reserve < cfg.Consent.Max {
		b.warn("reserve", fmt.Sprintf("a recording of %s, the maximum, may not fit", formatDuration(cfg.Consent.Max)),
			"write at least max")
	}
	return b
}

// maxStores is the most stores.
const maxStores = 8

func (c *checker) stores(cfg *Config, spool block) {
	bs := c.blocks("store")
	if len(bs) > maxStores {
		c.fail(bs[maxStores].t.line, "store", fmt.Sprintf("there are %d stores", len(bs)),
			fmt.Sprintf("write at most %d", maxStores))
		bs = bs[:maxStores]
	}
	names, places := map[string]int{}, map[string]int{}
	for _, b := range bs {
		s := b.store(bs)
		cfg.Stores = append(cfg.Stores, s)
		if first, duplicate := names[s.Name]; duplicate && s.Name != "" {
			b.fail("name", fmt.Sprintf("%q is already a store, on line %d", s.Name, first), "give each its own name")
		}
		key, place := s.place()
		if first, duplicate := places[place]; duplicate && place != "" {
			own := map[string]string{"path": "folder", "url": "folder", "bucket": "prefix"}[key]
			b.fail(key, fmt.Sprintf("%s is already a store, on line %d", place, first), "give each its own "+own)
		}
		names[s.Name], places[place] = b.line("name"), b.line(key)
		if s.Path != "" && (within(s.Path, cfg.Spool.Path) || within(cfg.Spool.Path, s.Path)) {
			b.fail("path", s.Path+" and the spool, "+cfg.Spool.Path+", are inside one another", "put copies on another disk")
		}
	}
	if n := len(bs); n > 1 && !slices.ContainsFunc(cfg.Stores, func(s Store) bool { return s.Keep == 0 }) {
		bs[n-1].warn("keep", "every store has one, but the last copy is never deleted: it stays on one of the drives",
			"leave it out for a store that should keep everything")
	}
	if len(bs) > 0 || c.root.keys["store"] != nil || c.damaged {
		return
	}
	c.warn(c.root.line, "store", "there is none: recordings stay on the unit, and are lost with it",
		"write [[store]], for a drive or the office's backup")
	if spool.has("release") && cfg.Spool.Release != Never {
		spool.warn("release", "has no effect without a store", `write "never", or a [[store]]`)
	}
	cfg.Spool.Release = Never
}

// place returns where a store's copies are, in a form that is the same for two stores at the same
// place, and the key that says so. It returns "" for a drive, which has its mark.
func (s *Store) place() (key, place string) {
	switch s.Kind {
	case Folder:
		return "path", s.Path
	case SFTP:
		u, err := url.Parse(s.URL)
		if err != nil || s.URL == "" {
			return "url", ""
		}
		u.Host = strings.TrimSuffix(strings.ToLower(u.Host), ":22")
		u.Path, u.RawPath = path.Clean(u.Path), ""
		return "url", u.String()
	case S3:
		u, err := url.Parse(s.Endpoint)
		if err != nil || s.Endpoint == "" || s.Bucket == "" {
			return "bucket", ""
		}
		u.Host = strings.TrimSuffix(strings.ToLower(u.Host), map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
		return "bucket", u.String() + "/" + s.Bucket + "/" + s.Prefix
	}
	return "", ""
}

func within(inner, outer string) bool {
	return inner == outer || strings.HasPrefix(inner, strings.TrimSuffix(outer, "/")+"/")
}

var volumeLabel = regexp.MustCompile(`^[A-Za-z0-9_-]([A-Za-z0-9_ -]{0,14}[A-Za-z0-9_-])?$`)

// store reads one store. all are all stores.
func (b block) store(all []block) Store {
	b.require("name", `"office"`)
	b.require("kind", `"drive", "folder", "sftp" or "s3"`)
	s := Store{
		Name: b.match("name", "", plainName, `1 to 32 of the letters a-z, the digits and "-", as in "office"`),
		Kind: b.choice("kind", "", StoreKinds()...),
	}
	switch s.Kind {
	case Drive:
		s.Label = b.match("label", "TACET", volumeLabel,
			"the volume's label: 1 to 16 letters, digits, _, - or spaces between them")
		s.Keep = b.duration("keep", 0, 0, 36500*day, "d")
		if s.Keep > 0 && len(all) == 1 {
			b.warn("keep", "has no effect: a copy is deleted only if another store has it, and there is no other",
				"write another [[store]], or remove it")
		}
	case Folder:
		b.require("path", `"/mnt/nas/recordings"`)
		s.Path = b.path("path", "")
		s.UnmountedOK = b.flag("unmounted_ok", false)
	case SFTP:
		b.sftp(&s)
	case S3:
		b.s3(&s)
	}
	return s
}

func (b block) sftp(s *Store) {
	const example = "sftp://room-3@backup.lan/recordings"
	b.require("url", `"`+example+`"`)
	b.require("key", `"/etc/tacet/sftp_key"`)
	b.require("known_hosts", `"/etc/tacet/known_hosts", so that nobody else can pose as the server`)
	if u := b.address("url", example, "remove it: the unit shows its key instead", "sftp"); u != nil {
		switch {
		case u.User.Username() == "":
			b.fail("url", "names no user", "write one like "+example)
		case !strings.HasPrefix(u.Path, "/"):
			b.fail("url", "names no folder", "write the absolute path after the host, as in "+example)
		case strings.ContainsFunc(u.Path, isControl) || strings.ContainsFunc(u.User.Username(), isControl):
			b.fail("url", "contains a control character", "write one like "+example)
		}
		s.URL = u.String()
	}
	s.Key = b.secretFile("key")
	s.KnownHosts = b.openFile("known_hosts")
}
