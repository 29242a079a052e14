package config

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// spool returns its section, because what it says of release depends on the stores.
func (c *checker) spool(cfg *Config) block {
	b := c.block("spool")
	cfg.Spool = Spool{
		Path:    b.path("path", "/var/lib/tacet/spool"),
		Reserve: b.span("reserve", 2*time.Hour, 0, 1000*time.Hour, "h", "m"),
		Release: b.choice("release", All, All, Any, Never),
	}
	if cfg.Spool.Reserve < cfg.Consent.Max {
		b.warn("reserve", fmt.Sprintf("a recording of %s, as long as max lets it be, may not find room",
			spell(cfg.Consent.Max)),
			"write at least max")
	}
	return b
}

// maxStores bounds the followers of the spool.
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
		if first, twice := names[s.Name]; twice && s.Name != "" {
			b.fail("name", fmt.Sprintf("%q is a store already, on line %d", s.Name, first), "give each its own name")
		}
		key, place := s.place()
		if first, twice := places[place]; twice && place != "" {
			own := map[string]string{"path": "folder", "url": "folder", "bucket": "prefix"}[key]
			b.fail(key, fmt.Sprintf("%s is a store already, on line %d", place, first), "give each its own "+own)
		}
		names[s.Name], places[place] = b.line("name"), b.line(key)
		if s.Path != "" && (within(s.Path, cfg.Spool.Path) || within(cfg.Spool.Path, s.Path)) {
			b.fail("path", s.Path+" and the spool, "+cfg.Spool.Path+", are one within the other", "put copies on another disk")
		}
	}
	if n := len(bs); n > 1 && !slices.ContainsFunc(cfg.Stores, func(s Store) bool { return s.Keep == 0 }) {
		bs[n-1].warn("keep", "every store has one, and the last copy never goes: it stays on one drive or another",
			"leave it out where all are to stay")
	}
	if len(bs) > 0 || c.root.keys["store"] != nil || c.damaged {
		return
	}
	c.warn(c.root.line, "store", "there is none: each recording stays on the unit, and is lost with it",
		"write [[store]], with a drive or the office's backup")
	if spool.has("release") && cfg.Spool.Release != Never {
		spool.warn("release", "means nothing without a store", `write "never", or a [[store]]`)
	}
	cfg.Spool.Release = Never
}

// place is where a store's copies lie, in the one form that two stores with the same place share,
// and the key that says so; "" for a drive, which its mark tells from others.
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

// store reads one store. all are all of them.
func (b block) store(all []block) Store {
	b.require("name", `"office"`)
	b.require("kind", `"drive", "folder", "sftp" or "s3"`)
	s := Store{
		Name: b.match("name", "", plainName, `1 to 32 of the letters a-z, the digits and "-", as in "office"`),
		Kind: b.choice("kind", "", storeKinds()...),
	}
	switch s.Kind {
	case Drive:
		s.Label = b.match("label", "TACET", volumeLabel,
			"the volume's label: 1 to 16 letters, digits, _, - or spaces between them")
		s.Keep = b.span("keep", 0, 0, 36500*day, "d")
		if s.Keep > 0 && len(all) == 1 {
			b.warn("keep", "means nothing: a copy goes only if another store holds it, and there is no other",
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
			b.fail("url", "names no folder", "write the absolute path behind the host, as in "+example)
		case strings.ContainsFunc(u.Path, isControl) || strings.ContainsFunc(u.User.Username(), isControl):
			b.fail("url", "holds a control character", "write one like "+example)
		}
		s.URL = u.String()
	}
	s.Key = b.secretFile("key")
	s.KnownHosts = b.openFile("known_hosts")
}

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	hostName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?$`)
	ofAmazon   = regexp.MustCompile(`^s3[.-]([a-z0-9-]+)\.amazonaws\.com(\.cn)?$`)
	regionName = regexp.MustCompile(`^[a-zA-Z0-9-]{1,64}$`)
	prefixForm = regexp.MustCompile(`^([A-Za-z0-9_.=-]+/)*[A-Za-z0-9_.=-]*$`)
)

func (b block) s3(s *Store) {
	b.require("endpoint", `"https://s3.lan:9000"`)
	b.require("bucket", `"tacet"`)
	b.require("access_key_file", `"/etc/tacet/s3_access"`)
	b.require("secret_key_file", `"/etc/tacet/s3_secret"`)
	plain := false
	if u := b.address("endpoint", "https://s3.lan:9000", "remove it: access_key_file and secret_key_file name the keys",
		"https", "http"); u != nil {
		if u.User != nil || u.Path != "" && u.Path != "/" {
			b.fail("endpoint", "holds more than scheme, host and port",
				"write one like https://s3.lan:9000, and the bucket in a key of its own")
		}
		if host := u.Hostname(); !hostName.MatchString(host) && net.ParseIP(host) == nil {
			b.fail("endpoint", fmt.Sprintf("%q is neither a host's name nor an IP address without a zone", host),
				"write one like https://s3.lan:9000")
		}
		s.Endpoint = (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
		if plain = u.Scheme == "http"; plain && !isLocal(u.Hostname()) {
			b.warn("endpoint", "without TLS anybody on the network sees which recordings there are, and can pose as the store",
				"write https://")
		}
	}
	if u, err := url.Parse(s.Endpoint); err == nil && b.has("bucket") {
		if v := b.t.keys["bucket"]; v.kind == aText && v.text != "" && strings.HasPrefix(u.Host, v.text+".") &&
			strings.Contains(strings.TrimPrefix(u.Host, v.text+"."), ".") {
			own := (&url.URL{Scheme: u.Scheme, Host: strings.TrimPrefix(u.Host, v.text+".")}).String()
			b.warn("endpoint", "begins with the bucket's name, which is put there, or into the path, by the unit",
				fmt.Sprintf("write endpoint = %q, unless the server's own name begins so", own))
		}
	}
	const bucketRule = "a bucket's name: 3 to 63 of a-z, the digits, . and -"
	s.Bucket = b.match("bucket", "", bucketName, bucketRule)
	if strings.Contains(s.Bucket, "..") || strings.Contains(s.Bucket, ".-") || strings.Contains(s.Bucket, "-.") ||
		net.ParseIP(s.Bucket) != nil {
		b.fail("bucket", shown(s.Bucket)+" is no bucket's name: S3 takes no two dots, no dot beside a -, and no IP address",
			"write "+bucketRule)
	}
	s.Prefix = b.match("prefix", "", prefixForm, `folders, as in "high-street/", with no "/" at the beginning`)
	switch {
	case len(s.Prefix) > 200 || strings.Contains("/"+s.Prefix, "/."):
		b.fail("prefix", "is too long, or a folder in it begins with a dot", `write one like "high-street/"`)
	case s.Prefix != "" && !strings.HasSuffix(s.Prefix, "/"):
		b.warn("prefix", "doesn't end with /, so it runs into the recordings' names", `write "`+s.Prefix+`/"`)
	}
	s.Region = b.match("region", "us-east-1", regionName, `a region's name, as in "us-east-1"`)
	b.amazon(s)
	s.AccessKeyFile = b.secretFile("access_key_file")
	s.SecretKeyFile = b.secretFile("secret_key_file")
	s.PathStyle = b.flag("path_style", true)
	if u, err := url.Parse(s.Endpoint); err == nil && !s.PathStyle && net.ParseIP(u.Hostname()) != nil {
		b.fail("path_style", "puts the bucket's name before the endpoint, which is an IP address", "write path_style = true")
	}
	s.CA = b.openFile("ca")
	if plain && b.has("ca") {
		b.warn("ca", "means nothing without TLS", "write https:// in endpoint")
	}
	s.Lock = b.span("lock", 0, 0, 36500*day, "d")
}

// amazon looks at what an address of Amazon's says of the region.
func (b block) amazon(s *Store) {
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return
	}
	host := strings.ToLower(u.Hostname())
	if region := ofAmazon.FindStringSubmatch(host); region != nil && strings.Contains(region[1], "-") &&
		!strings.HasPrefix(region[1], "fips") && region[1] != "external-1" && region[1] != s.Region {
		b.fail("region", fmt.Sprintf("%q is not that of %s", s.Region, host), fmt.Sprintf("write region = %q", region[1]))
	}
	if host == "s3.amazonaws.com" && strings.Contains(s.Bucket, ".") {
		b.fail("endpoint", "is not that of one region, which a bucket with a dot in its name needs",
			fmt.Sprintf("write https://s3.%s.amazonaws.com", s.Region))
	}
}
