//go:build unix

package s3

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"tacet/config/textfile"
	"tacet/daemon/store/stall"
)

// transport dials the endpoint and nothing else.
func (k Kind) transport(endpoint *url.URL, clock *clock) (*http.Transport, error) {
	port := endpoint.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[endpoint.Scheme]
	}
	allowed := net.JoinHostPort(endpoint.Hostname(), port)
	if !k.PathStyle {
		allowed = net.JoinHostPort(k.Bucket+"."+endpoint.Hostname(), port)
	}
	trusted, err := k.trusted()
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: cmp.Or(k.Dial, defaultDial)}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr != allowed {
				return nil, &elsewhere{addr, allowed}
			}
			raw, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			conn := stall.New(raw, cmp.Or(k.Stall, defaultStall))
			conn.Await() // as long as it lives: idle ones are closed below
			return conn, nil
		},
		TLSClientConfig:     &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: cmp.Or(k.Dial, defaultDial),
		IdleConnTimeout:     cmp.Or(k.Stall, defaultStall) / 2,
		MaxConnsPerHost:     2 * atOnce,
		MaxIdleConnsPerHost: atOnce,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      64 << 10,
		DisableCompression:  true,

		MaxResponseHeaderBytes: 64 << 10,
	}, nil
}

// elsewhere is an address that the library would go to in place of the configured one.
type elsewhere struct{ addr, allowed string }

func (e *elsewhere) Error() string {
	return fmt.Sprintf("%s is not the configured endpoint, which is %s, and is not dialled", e.addr, e.allowed)
}

// maxCA bounds a file of certificates.
const maxCA = 1 << 20

// trusted is what the server's certificate is checked with; nil: what this machine trusts.
func (k Kind) trusted() (*x509.CertPool, error) {
	if k.CA == "" {
		return nil, nil
	}
	text, err := textfile.Read(k.CA, maxCA)
	if err != nil {
		return nil, fmt.Errorf("the certificate to check the S3 server with: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", k.CA)
	}
	return pool, nil
}

// clock is how far this machine's clock is ahead of the server's, as of the last answer.
type clock struct{ ahead atomic.Int64 }

// see compares the time that a request was signed with and the one that its answer bears.
func (c *clock) see(request *http.Request, answer *http.Response) {
	ours, err := time.Parse("20060102T150405Z", request.Header.Get("X-Amz-Date"))
	if err != nil {
		return
	}
	if theirs, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		c.ahead.Store(int64(ours.Sub(theirs)))
	}
}

// off is the difference, when it is more than a slow upload makes of it: servers allow for a
// quarter of an hour.
func (c *clock) off() (ahead time.Duration, wrong bool) {
	ahead = time.Duration(c.ahead.Load()).Round(time.Minute)
	return ahead, ahead.Abs() >= 14*time.Minute
}

// bounded notes the server's clock, and bounds answers that are read into memory: all but an object
// itself.
type bounded struct {
	http.RoundTripper
	clock *clock
}

// maxAnswer is room for some hundred uploads or parts. What is read of it takes a hundred times as
// much memory, at worst.
const maxAnswer = 512 << 10

// errTooLong is what reading a longer answer fails with.
var errTooLong = fmt.Errorf("the S3 server's answer is longer than %d KB; if it lists unfinished uploads, have a lifecycle rule of the bucket end them", maxAnswer>>10)

func (b *bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	b.clock.see(request, answer)
	if _, err := http.ParseTime(answer.Header.Get("Last-Modified")); err != nil {
		// the library takes no answer without, and nobody asks for it
		answer.Header.Set("Last-Modified", time.Unix(0, 0).UTC().Format(http.TimeFormat))
	}
	object := request.Method == http.MethodGet && request.URL.RawQuery == "" && answer.StatusCode == http.StatusOK
	if !object {
		answer.Body = &boundedBody{answer.Body, maxAnswer}
	}
	return answer, nil
}

// boundedBody is an answer that may have so many bytes more.
type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}
