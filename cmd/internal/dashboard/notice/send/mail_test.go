package send

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"mime/quotedprintable"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"tacet/cmd/internal/dashboard/notice"
	"tacet/cmd/internal/dashboard/notice/send/sendtest"
	"tacet/daemon/health"
)

func message() notice.Message {
	return notice.Message{
		V: 1, ID: "ID2", Thread: "ID1", Kind: notice.Alert, Rule: "all", Time: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
		Severity: health.Fault, Subject: "Sprechzimmer 3 für <alle>: not heard from",
		Text: "Not heard from\n  Sprechzimmer 3, since 23 November, 09:00\n", Link: "https://dash.example/rooms/a/b",
		Problems: []notice.Problem{{Site: "a", Room: "b", Name: "Sprechzimmer 3", Code: notice.Silent}},
	}
}

func options(t *testing.T, s *sendtest.Server, security Security) MailOptions {
	t.Helper()
	_, port, err := net.SplitHostPort(s.Address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return MailOptions{
		Host: "localhost", Port: n, Security: security, Roots: s.Roots, From: "Tacet <tacet@practice.example>",
		To: "manager@practice.example", dial: toLoopback,
	}
}

// toLoopback connects to 127.0.0.1, whatever "localhost" is here.
func toLoopback(ctx context.Context, network, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
}

func mustMail(t *testing.T, o MailOptions) *Mail {
	t.Helper()
	m, err := NewMail(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMail(t *testing.T) {
	for _, c := range []struct {
		name  string
		offer sendtest.Security
		want  Security
	}{
		{"starttls", sendtest.StartTLS, StartTLS},
		{"implicit", sendtest.Implicit, Implicit},
		{"clear", sendtest.None, Clear},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sendtest.New(t, c.offer, func(s *sendtest.Server) { s.User, s.Password = "tacet", "secret" })
			o := options(t, s, c.want)
			o.Username, o.Password = "tacet", func() (string, error) { return "secret", nil }
			if err := mustMail(t, o).Send(t.Context(), message()); err != nil {
				t.Fatal(err)
			}
			m := s.Wait(t, 1)[0]
			if m.TLS != (c.want != Clear) || m.User != "tacet" || m.From != "tacet@practice.example" ||
				len(m.To) != 1 || m.To[0] != "manager@practice.example" {
				t.Errorf("%+v", m)
			}
			for name, want := range map[string]string{
				"Message-Id": "<ID2@practice.example>", "In-Reply-To": "<ID1@practice.example>",
				"References": "<ID1@practice.example>", "Auto-Submitted": "auto-generated",
				"Date": "Mon, 23 Nov 2026 09:00:00 +0000",
			} {
				if got := m.Header.Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			body, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(m.Body)))
			want := strings.ReplaceAll(strings.TrimSpace(message().Text), "\n", "\r\n")
			if err != nil || strings.TrimSpace(string(body)) != want {
				t.Errorf("%q, %v", body, err)
			}
		})
	}
}

// Nothing leaves in clear text: a server without TLS gets nothing, not even a password.
func TestNoClearText(t *testing.T) {
	s := sendtest.New(t, sendtest.None, nil)
	o := options(t, s, StartTLS)
	o.Username, o.Password = "tacet", func() (string, error) { return "secret", nil }
	err := mustMail(t, o).Send(t.Context(), message())
	if err == nil || !strings.Contains(Advice(err), "implicit") {
		t.Errorf("%v; %s", err, Advice(err))
	}
	o = options(t, s, Clear)
	o.dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := toLoopback(ctx, network, address)
		return elsewhere{c}, err
	}
	if err := mustMail(t, o).Send(t.Context(), message()); !errors.Is(err, errClear) {
		t.Error(err)
	}
	if n := len(s.Mails()); n != 0 {
		t.Errorf("%d mails arrived", n)
	}
}

// elsewhere is a connection to another computer.
type elsewhere struct{ net.Conn }

func (elsewhere) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25} }

// Each error says what to do, and only those about a message let it be set aside.
func TestMailErrors(t *testing.T) {
	refuse := func(code int) error { return &smtp.SMTPError{Code: code, Message: "no"} }
	for _, c := range []struct {
		name    string
		offer   sendtest.Security
		server  func(*sendtest.Server)
		change  func(*MailOptions)
		advice  string
		refused bool
	}{
		{"wrong password", sendtest.StartTLS, func(s *sendtest.Server) { s.User, s.Password = "tacet", "other" },
			func(o *MailOptions) {
				o.Username, o.Password = "tacet", func() (string, error) { return "secret", nil }
			},
			"password_file", false},
		{"no password", sendtest.StartTLS, func(s *sendtest.Server) { s.User = "tacet" }, nil, "username and password_file", false},
		{"unknown authority", sendtest.StartTLS, nil, func(o *MailOptions) { o.Roots = x509.NewCertPool() }, "[mail] ca", false},
		{"another name", sendtest.Implicit, nil, func(o *MailOptions) { o.Host = "other.example" }, "certificate", false},
		{"implicit instead of starttls", sendtest.StartTLS, nil, func(o *MailOptions) { o.Security = Implicit }, "starttls", false},
		{"nobody there", sendtest.StartTLS, nil, func(o *MailOptions) { o.Port = 1 }, "port", false},
		{"unknown address", sendtest.StartTLS, func(s *sendtest.Server) { s.Rcpt = func(string) error { return refuse(550) } }, nil,
			"manager@practice.example", true},
		{"address refused for now", sendtest.StartTLS, func(s *sendtest.Server) { s.Rcpt = func(string) error { return refuse(450) } },
			nil, "", false},
		{"mail refused", sendtest.StartTLS, func(s *sendtest.Server) { s.Data = func() error { return refuse(554) } }, nil, "mail", true},
		{"mail refused for now", sendtest.StartTLS, func(s *sendtest.Server) { s.Data = func() error { return refuse(451) } }, nil,
			"", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sendtest.New(t, c.offer, c.server)
			o := options(t, s, StartTLS)
			if c.offer == sendtest.Implicit {
				o.Security = Implicit
			}
			if c.change != nil {
				c.change(&o)
			}
			err := mustMail(t, o).Send(t.Context(), message())
			if err == nil || errors.Is(err, ErrRefused) != c.refused || !strings.Contains(Advice(err), c.advice) ||
				c.advice != "" && Advice(err) == "" {
				t.Errorf("%v\nadvice: %s", err, Advice(err))
			}
			if err != nil && strings.Contains(err.Error()+Advice(err), "secret") {
				t.Errorf("the error contains the password: %v", err)
			}
		})
	}
}

// script plays a mail server that says what it likes.
func script(t *testing.T, play func(net.Conn, *bufio.Reader)) MailOptions {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := listener.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		play(c, bufio.NewReader(c))
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	return options(t, &sendtest.Server{Address: listener.Addr().String()}, Clear)
}

// A server that never stops sending, one that says nothing, and one that goes as soon as it has the
// mail.
func TestHostileMailServer(t *testing.T) {
	for name, line := range map[string]string{"a long line": "x", "many lines": "220-hello\r\n"} {
		o := script(t, func(c net.Conn, _ *bufio.Reader) {
			c.Write([]byte("220-"))
			for {
				if _, err := c.Write([]byte(strings.Repeat(line, 1000))); err != nil {
					return
				}
			}
		})
		err := mustMail(t, o).Send(t.Context(), message())
		if err == nil || !strings.Contains(err.Error(), errTooMuch.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}

	ctx, cancel := context.WithCancel(t.Context())
	o := script(t, func(c net.Conn, r *bufio.Reader) {
		c.Write([]byte("220 hello\r\n"))
		r.ReadString('\n')
		cancel()
		r.ReadString('\n')
	})
	if err := mustMail(t, o).Send(ctx, message()); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("a server that says nothing: %v", err)
	}

	o = script(t, func(c net.Conn, r *bufio.Reader) {
		answer := func(lines ...string) {
			for _, line := range lines {
				c.Write([]byte(line + "\r\n"))
				r.ReadString('\n')
			}
		}
		answer("220 hello", "250 localhost", "250 from", "250 to")
		c.Write([]byte("354 go\r\n"))
		for line := ""; line != ".\r\n"; {
			var err error
			if line, err = r.ReadString('\n'); err != nil {
				return
			}
		}
		c.Write([]byte("250 taken\r\n"))
	})
	if err := mustMail(t, o).Send(t.Context(), message()); err != nil {
		t.Errorf("a mail that was taken counts as not sent: %v", err)
	}
}

func TestMailAddresses(t *testing.T) {
	for _, o := range []MailOptions{
		{From: "x", To: "a@b.example"},
		{From: "a@b.example", To: "x\r\nRCPT TO:<y@z.example>"},
	} {
		if _, err := NewMail(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}
