package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	hostName   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9.])?$`)
	amazonHost = regexp.MustCompile(`^s3[.-]([a-z0-9-]+)\.amazonaws\.com(\.cn)?$`)
	regionName = regexp.MustCompile(`^[a-zA-Z0-9-]{1,64}$`)
	prefixForm = regexp.MustCompile(`^([A-Za-z0-9_.=-]+/)*[A-Za-z0-9_.=-]*$`)
)

const exampleEndpoint = "https://s3.lan:9000"

func (b block) s3(s *Store) {
	b.require("endpoint", strconv.Quote(exampleEndpoint))
	b.require("bucket", `"tacet"`)
	b.require("access_key_file", `"/etc/tacet/s3_access"`)
	b.require("secret_key_file", `"/etc/tacet/s3_secret"`)
	plain := b.endpoint(s)
	b.checkBucketInEndpoint(s)
	const bucketRule = "a bucket's name: 3 to 63 of a-z, the digits, . and -"
	s.Bucket = b.match("bucket", "", bucketName, bucketRule)
	if strings.Contains(s.Bucket, "..") || strings.Contains(s.Bucket, ".-") || strings.Contains(s.Bucket, "-.") ||
		net.ParseIP(s.Bucket) != nil {
		b.fail("bucket", quote(s.Bucket)+" is not a bucket name: S3 takes no two dots, no dot beside a -, and no IP address",
			"write "+bucketRule)
	}
	s.Prefix = b.match("prefix", "", prefixForm, `folders, as in "high-street/", with no "/" at the start`)
	switch {
	case len(s.Prefix) > 200 || strings.Contains("/"+s.Prefix, "/."):
		b.fail("prefix", "is too long, or a folder in it starts with a dot", `write one like "high-street/"`)
	case s.Prefix != "" && !strings.HasSuffix(s.Prefix, "/"):
		b.warn("prefix", "doesn't end with /, so it runs into the recordings' names", `write "`+s.Prefix+`/"`)
	}
	s.Region = b.match("region", "us-east-1", regionName, `a region's name, as in "us-east-1"`)
	b.checkAmazon(s)
	s.AccessKeyFile = b.secretFile("access_key_file")
	s.SecretKeyFile = b.secretFile("secret_key_file")
	s.PathStyle = b.flag("path_style", true)
	if u, err := url.Parse(s.Endpoint); err == nil && !s.PathStyle && net.ParseIP(u.Hostname()) != nil {
		b.fail("path_style", "puts the bucket's name before the endpoint, which is an IP address", "write path_style = true")
	}
	s.CA = b.openFile("ca")
	if plain && b.has("ca") {
		b.warn("ca", "has no effect without TLS", "write https:// in endpoint")
	}
	s.Lock = b.duration("lock", 0, 0, 36500*day, "d")
}

// endpoint reads the server's address, and reports whether it is without TLS.
func (b block) endpoint(s *Store) (plain bool) {
	u := b.address("endpoint", exampleEndpoint, "remove it: access_key_file and secret_key_file name the keys",
		"https", "http")
	if u == nil {
		return false
	}
	if u.User != nil || u.Path != "" && u.Path != "/" {
		b.fail("endpoint", "contains more than scheme, host and port",
			"write one like "+exampleEndpoint+", and the bucket in a key of its own")
	}
	if host := u.Hostname(); !hostName.MatchString(host) && net.ParseIP(host) == nil {
		b.fail("endpoint", fmt.Sprintf("%q is neither a host's name nor an IP address without a zone", host),
			"write one like "+exampleEndpoint)
	}
	s.Endpoint = (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
	if plain = u.Scheme == "http"; plain && !isLocal(u.Hostname()) {
		b.warn("endpoint", "without TLS anybody on the network can see which recordings there are, "+
			"and can pose as the store", "write https://")
	}
	return plain
}

// checkBucketInEndpoint warns of an endpoint that starts with the bucket's name.
func (b block) checkBucketInEndpoint(s *Store) {
	u, err := url.Parse(s.Endpoint)
	if err != nil || !b.has("bucket") {
		return
	}
	v := b.t.keys["bucket"]
	host, ok := strings.CutPrefix(u.Host, v.text+".")
	if v.kind == kindText && v.text != "" && ok && strings.Contains(host, ".") {
		b.warn("endpoint", "starts with the bucket's name, which the unit adds itself",
			fmt.Sprintf("write endpoint = %q, unless the server's own name starts so",
				(&url.URL{Scheme: u.Scheme, Host: host}).String()))
	}
}

// checkAmazon checks the region against one of Amazon's addresses.
func (b block) checkAmazon(s *Store) {
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return
	}
	host := strings.ToLower(u.Hostname())
	if region := amazonHost.FindStringSubmatch(host); region != nil && strings.Contains(region[1], "-") &&
		!strings.HasPrefix(region[1], "fips") && region[1] != "external-1" && region[1] != s.Region {
		b.fail("region", fmt.Sprintf("%q is not the region of %s", s.Region, host),
			fmt.Sprintf("write region = %q", region[1]))
	}
	if host == "s3.amazonaws.com" && strings.Contains(s.Bucket, ".") {
		b.fail("endpoint", "must be that of a region, because the bucket's name has a dot",
			fmt.Sprintf("write https://s3.%s.amazonaws.com", s.Region))
	}
}
