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

// transport returns a transport that dials only the endpoint.
func (k Kind) transport(endpoint *url.URL) (*http.Transport, error) {
	port := endpoint.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[endpoint.Scheme]
	}
	allowed := net.JoinHostPort(endpoint.Hostname(), port)
	if !k.PathStyle {
		allowed = net.JoinHostPort(k.Bucket+"."+endpoint.Hostname(), port)
	}
	trusted, err := k.rootCAs()
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: cmp.Or(k.Dial, defaultDial)}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr != allowed {
				return nil, &wrongHostError{addr, allowed}
			}
			raw, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			conn := stall.New(raw, cmp.Or(k.Stall, defaultStall))
			conn.Await() // for ever: IdleConnTimeout closes idle connections
			return conn, nil
		},
		TLSClientConfig:     &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: cmp.Or(k.Dial, defaultDial),
		IdleConnTimeout:     cmp.Or(k.Stall, defaultStall) / 2,
		MaxConnsPerHost:     2 * parallel,
		MaxIdleConnsPerHost: parallel,
		WriteBufferSize:     64 << 10,
		ReadBufferSize:      64 << 10,
		DisableCompression:  true,

		MaxResponseHeaderBytes: 64 << 10,
	}, nil
}

// wrongHostError says that the library would dial an address other than the configured one.
type wrongHostError struct{ addr, allowed string }

func (e *wrongHostError) Error() string {
	return fmt.Sprintf("%s is not the configured endpoint, which is %s, and is not dialled", e.addr, e.allowed)
}

// maxCA is the maximum size of a file of certificates, in bytes.
const maxCA = 1 << 20

// rootCAs returns the certificates to check the server's with, or nil for those of this machine.
func (k Kind) rootCAs() (*x509.CertPool, error) {
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

// clock is how far this machine's clock is ahead of the server's, by the last answer.
type clock struct{ ahead atomic.Int64 }

// see compares the time of a request's signature with the time in its answer.
func (c *clock) see(request *http.Request, answer *http.Response) {
	ours, err := time.Parse("20060102T150405Z", request.Header.Get("X-Amz-Date"))
	if err != nil {
		return
	}
	if theirs, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		c.ahead.Store(int64(ours.Sub(theirs)))
	}
}

// off returns the difference, and whether it is more than a slow upload explains: servers allow a
// quarter of an hour.
func (c *clock) off() (ahead time.Duration, wrong bool) {
	ahead = time.Duration(c.ahead.Load()).Round(time.Minute)
	return ahead, ahead.Abs() >= 14*time.Minute
}

// answerLimiter records the server's clock, and limits answers that are read into memory: all but
// an object itself.
type answerLimiter struct {
	http.RoundTripper
	clock *clock
}

// maxAnswer is the maximum size of an answer in bytes: some hundred uploads or parts. Parsed, it
// takes a hundred times as much memory at worst.
const maxAnswer = 512 << 10

// errTooLong is the error of a longer answer.
var errTooLong = fmt.Errorf("the S3 server's answer is longer than %d KB; if it lists unfinished uploads, add a "+
	"lifecycle rule to the bucket that ends them", maxAnswer>>10)

func (b *answerLimiter) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	b.clock.see(request, answer)
	if _, err := http.ParseTime(answer.Header.Get("Last-Modified")); err != nil {
		// The library requires it, although nobody uses it.
		answer.Header.Set("Last-Modified", time.Unix(0, 0).UTC().Format(http.TimeFormat))
	}
	object := request.Method == http.MethodGet && request.URL.RawQuery == "" && answer.StatusCode == http.StatusOK
	if !object {
		answer.Body = &limitedBody{answer.Body, maxAnswer}
	}
	return answer, nil
}

// limitedBody is an answer of which at most left more bytes may be read.
type limitedBody struct {
	io.ReadCloser
	left int
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}
