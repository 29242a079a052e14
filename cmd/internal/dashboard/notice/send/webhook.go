package send

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"tacet/cmd/internal/dashboard/notice"
	"tacet/daemon/health"
)

// Style is what a webhook's receiver understands.
type Style string

const (
	Plain Style = "webhook" // the message as JSON
	Ntfy  Style = "ntfy"
	Slack Style = "slack" // and what takes the same, such as Mattermost
)

// HookOptions say where a webhook is and what it understands.
type HookOptions struct {
	Name  string // for errors, since the address may be a secret
	Style Style
	URL   func() (string, error) // read for each message
	Token func() (string, error) // a bearer token; nil: none
	// Client sends the requests. nil: the default with the system's authorities.
	Client *http.Client
}

// Hook sends to a webhook.
type Hook struct{ o HookOptions }

// NewHook returns a webhook.
func NewHook(o HookOptions) *Hook { return &Hook{o} }

// The most characters of a message's text. ntfy turns a longer one into an attachment, and Slack
// cuts it.
const (
	maxNtfy  = 3500 // bytes
	maxSlack = 30000
)

// Send posts a message.
func (h *Hook) Send(ctx context.Context, m notice.Message) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	address, err := h.o.URL()
	if err != nil {
		return fmt.Errorf("read the address of %s: %w", h.o.Name, err)
	}
	body, target, err := h.body(m, address)
	if err != nil {
		return fmt.Errorf("write to %s: %w", h.o.Name, err)
	}
	headers := http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {m.ID}}
	if h.o.Token != nil {
		token, err := h.o.Token()
		if err != nil {
			return fmt.Errorf("read the token of %s: %w", h.o.Name, err)
		}
		headers.Set("Authorization", "Bearer "+token)
	}
	if err := do(ctx, h.o.Client, http.MethodPost, target, body, headers); err != nil {
		return fmt.Errorf("post to %s: %w", h.o.Name, err)
	}
	return nil
}

// body returns what is posted, and where to. ntfy takes JSON at its root, with the topic inside.
func (h *Hook) body(m notice.Message, address string) (body []byte, target string, err error) {
	var v any = m
	switch h.o.Style {
	case Slack:
		v = map[string]string{"text": cut("*"+escape(m.Subject)+"*\n"+escape(m.Text), maxSlack)}
	case Ntfy:
		u, err := url.Parse(address)
		if err != nil {
			return nil, "", errAddress
		}
		at := strings.LastIndex(strings.TrimRight(u.Path, "/"), "/")
		topic := strings.Trim(u.Path[at+1:], "/")
		if topic == "" {
			return nil, "", advised{errors.New("the address has no topic"), "write it as https://ntfy.example/TOPIC"}
		}
		u.Path = u.Path[:at+1]
		address = u.String()
		v = map[string]any{
			"topic": topic, "title": cut(m.Subject, 250), "message": cut(m.Text, maxNtfy), "priority": priority(m),
			"click": m.Link, "sequence_id": m.ID, // a message that comes twice replaces itself
		}
	}
	body, err = json.Marshal(v)
	return body, address, err
}

func priority(m notice.Message) int {
	switch {
	case m.Kind == notice.Resolved || m.Kind == notice.Weekly:
		return 2
	case m.Severity == health.Fault:
		return 4
	}
	return 3
}

// escape keeps names from being read as Slack's markup, which can address everybody.
func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// cut shortens a text to most bytes.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	const mark = "…"
	most -= len(mark)
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + mark
}

// Ping tells somebody who waits for it that the dashboard is well.
func Ping(ctx context.Context, client *http.Client, address string) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	if err := do(ctx, client, http.MethodGet, address, nil, http.Header{}); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	return nil
}

var (
	errAddress  = errors.New("the address is not valid")
	errRedirect = errors.New("the server redirects to another address")
)

// CheckURL refuses an address that would send in clear text to another computer.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return advised{errAddress, "write it as https://host/path"}
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http":
		return advised{errAddress, "write it as https://host/path"}
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return advised{errors.New("the address is not encrypted"), "write https; http is only for this computer itself"}
	}
	return nil
}

// do makes one request. No error repeats the address, which may be a secret.
func do(ctx context.Context, client *http.Client, method, address string, body []byte, headers http.Header) error {
	if err := CheckURL(address); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return errAddress
	}
	request.Header = headers
	request.Header.Set("User-Agent", "tacet-dashboard")
	once := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	once.Transport = bounded
	if client != nil {
		once.Transport = client.Transport
	}
	response, err := once.Do(request)
	if err != nil {
		var withAddress *url.Error
		if errors.As(err, &withAddress) {
			err = withAddress.Err
		}
		return advised{err, "check the address, and that its server can be reached from this computer"}
	}
	defer response.Body.Close()
	// The answer is not needed. Reading a little of it lets the connection be used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 4<<10))
	return judge(response)
}

// bounded makes connections that read no endless headers.
var bounded = transport(&tls.Config{MinVersion: tls.VersionTLS12})

// Client returns a client for servers with certificates of an authority of one's own.
func Client(config *tls.Config) *http.Client { return &http.Client{Transport: transport(config)} }

func transport(config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, MaxResponseHeaderBytes: 64 << 10,
		TLSHandshakeTimeout: Timeout, ResponseHeaderTimeout: Timeout, MaxIdleConns: 8, IdleConnTimeout: Timeout,
		ForceAttemptHTTP2: true,
	}
}

func judge(response *http.Response) error {
	code := response.StatusCode
	err := errors.New("the server answers " + strconv.Itoa(code) + " " + http.StatusText(code))
	switch {
	case code >= 200 && code < 300:
		return nil
	case code >= 300 && code < 400:
		return advised{errRedirect, "write the address that the server redirects to, if you trust it"}
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return advised{err, "check the address and the token"}
	case code == http.StatusNotFound || code == http.StatusGone:
		return advised{err, "the webhook does not exist (any more): make a new one, and write its address"}
	case code == http.StatusBadRequest || code == http.StatusRequestEntityTooLarge ||
		code == http.StatusUnprocessableEntity:
		return advised{fmt.Errorf("%w: %w", ErrRefused, err), "check that the style (webhook, ntfy, slack) is the server's"}
	}
	return err
}
