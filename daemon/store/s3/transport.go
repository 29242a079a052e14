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
				return nil, fmt.Errorf("%s is not the configured endpoint, which is %s, and is not dialled", addr, allowed)
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
	}, nil
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

// off is the difference, when it is more than a slow upload makes of it: servers allow for a quarter of an hour.
func (c *clock) off() (ahead time.Duration, wrong bool) {
	ahead = time.Duration(c.ahead.Load()).Round(time.Minute)
	return ahead, ahead.Abs() >= 14*time.Minute
}

// bounded notes the server's clock, and bounds answers that are read into memory: all but an object itself.
type bounded struct {
	http.RoundTripper
	clock *clock
}

// maxAnswer is room for a thousand uploads or parts.
const maxAnswer = 8 << 20

func (b *bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	b.clock.see(request, answer)
	object := request.Method == http.MethodGet && request.URL.RawQuery == "" && answer.StatusCode == http.StatusOK
	if !object {
		answer.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	}
	return answer, nil
}
