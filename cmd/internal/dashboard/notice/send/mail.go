package send

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/wneessen/go-mail"

	"tacet/cmd/internal/dashboard/notice"
	"tacet/daemon/health"
)

// Security is how the connection to the mail server is encrypted.
type Security string

const (
	StartTLS Security = "starttls" // required: a server without it gets nothing
	Implicit Security = "implicit" // TLS from the first byte
	Clear    Security = "none"     // for a mail server on this computer
)

// MailOptions say how mail is sent.
type MailOptions struct {
	Host     string
	Port     int
	Security Security
	Username string                 // empty: none is needed
	Password func() (string, error) // read for each mail, so that it can be changed
	Roots    *x509.CertPool         // nil: the system's
	From     string                 // an address, with or without a name
	To       string                 // one address: one that is refused must not keep the mail from others
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
}

// Mail sends mail to one address.
type Mail struct {
	o    MailOptions
	from *netmail.Address
}

// NewMail checks the addresses.
func NewMail(o MailOptions) (*Mail, error) {
	from, err := netmail.ParseAddress(o.From)
	if err != nil {
		return nil, fmt.Errorf("from %q is no mail address: write one like \"Tacet <tacet@practice.example>\"", o.From)
	}
	if _, err := netmail.ParseAddress(o.To); err != nil {
		return nil, fmt.Errorf("%q is no mail address: write one like \"manager@practice.example\"", o.To)
	}
	if o.dial == nil {
		o.dial = (&net.Dialer{}).DialContext
	}
	return &Mail{o: o, from: from}, nil
}

// Send hands a mail to the server.
func (s *Mail) Send(ctx context.Context, m notice.Message) error {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	msg, err := s.compose(m)
	if err != nil {
		return fmt.Errorf("write a mail to %s: %w", s.o.To, err)
	}
	client, err := s.client(ctx)
	if err != nil {
		return err
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if err == nil || msg.IsDelivered() { // what fails after the server has taken the mail is no matter
		return nil
	}
	return fmt.Errorf("mail to %s through %s: %w", s.o.To, s.server(), s.explain(err))
}

func (s *Mail) server() string { return net.JoinHostPort(s.o.Host, strconv.Itoa(s.o.Port)) }

// client returns a client for one mail.
func (s *Mail) client(ctx context.Context) (*mail.Client, error) {
	config := &tls.Config{ServerName: s.o.Host, RootCAs: s.o.Roots, MinVersion: tls.VersionTLS12}
	options := []mail.Option{
		mail.WithPort(s.o.Port), mail.WithTimeout(Timeout), mail.WithTLSConfig(config), mail.WithoutNoop(),
		mail.WithDialContextFunc(func(dialCtx context.Context, network, address string) (net.Conn, error) {
			return s.connect(dialCtx, ctx, network, address, config)
		}),
	}
	switch s.o.Security {
	case Implicit:
		options = append(options, mail.WithSSL())
	case Clear:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if s.o.Username != "" {
		password, err := s.o.Password()
		if err != nil {
			return nil, fmt.Errorf("read the mail password: %w", err)
		}
		options = append(options, mail.WithUsername(s.o.Username), mail.WithPassword(password))
		if s.o.Security == Clear {
			options = append(options, mail.WithSMTPAuth(mail.SMTPAuthPlainNoEnc))
		} else {
			options = append(options, mail.WithOpportunisticSMTPAuth(mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthPlain,
				mail.SMTPAuthLogin))
		}
	}
	return mail.NewClient(s.o.Host, options...)
}

// connect opens a connection that ends with the context of the whole Send, and reads no more than
// maxAnswer. In clear text it goes to this computer only.
func (s *Mail) connect(
	dialCtx, sendCtx context.Context, network, address string, config *tls.Config,
) (net.Conn, error) {
	raw, err := s.o.dial(dialCtx, network, address)
	if err != nil {
		return nil, err
	}
	if s.o.Security == Clear && !isLoopback(raw.RemoteAddr()) {
		raw.Close()
		return nil, errClear
	}
	conn := &limited{Conn: raw, left: maxAnswer}
	conn.stop = context.AfterFunc(sendCtx, func() { raw.Close() })
	if s.o.Security != Implicit {
		return conn, nil
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(dialCtx); err != nil {
		conn.Close()
		return nil, err
	}
	return secure, nil
}

var (
	errClear   = errors.New("the server is not on this computer, so it gets nothing in clear text")
	errTooMuch = errors.New("the server sends too much")
)

func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// limited is a connection that reads a limited number of bytes.
type limited struct {
	net.Conn
	left int
	stop func() bool
}

func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooMuch
	}
	n, err := l.Conn.Read(b[:min(len(b), l.left)])
	l.left -= n
	return n, err
}

func (l *limited) Close() error {
	l.stop()
	return l.Conn.Close()
}

// compose writes the mail. Its Message-ID is the message's ID, and all mails of an incident are one
// thread.
func (s *Mail) compose(m notice.Message) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	msg.FromMailAddress(s.from)
	if err := msg.To(s.o.To); err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(s.from.Address, "@")
	msg.SetMessageIDWithValue(m.ID + "@" + domain)
	if m.Thread != m.ID {
		first := "<" + m.Thread + "@" + domain + ">"
		msg.SetGenHeader(mail.HeaderInReplyTo, first)
		msg.SetGenHeader(mail.HeaderReferences, first)
	}
	msg.Subject(m.Subject)
	msg.SetDateWithValue(m.Time)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // no out-of-office replies
	if m.Kind == notice.Alert && m.Severity == health.Fault {
		msg.SetImportance(mail.ImportanceHigh)
	}
	msg.SetBodyString(mail.TypeTextPlain, strings.ReplaceAll(m.Text, "\n", "\r\n"))
	return msg, nil
}

// explain adds what to do about an error.
func (s *Mail) explain(err error) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var reply *textproto.Error
	var lookup *net.DNSError
	var op *net.OpError
	var sending *mail.SendError
	switch {
	case errors.Is(err, errClear):
		return advised{err, `set tls = "starttls" or tls = "implicit" in [mail]`}
	case errors.As(err, &unknown):
		return advised{err, "if the mail server has a certificate of your own authority, name its file in [mail] ca"}
	case errors.As(err, &name):
		return advised{err, "write the name that is in the server's certificate into [mail] server"}
	case errors.As(err, &invalid):
		return advised{err, "renew the mail server's certificate, and check this computer's clock"}
	case strings.Contains(err.Error(), "does not support STARTTLS"):
		return advised{err, `if the server expects TLS at once, as on port 465, set tls = "implicit" in [mail]`}
	case errors.As(err, &tls.RecordHeaderError{}):
		return advised{err, `if the server starts in clear text, as on port 587, set tls = "starttls" in [mail]`}
	case errors.As(err, &sending):
		return s.explainReply(err, sending.Reason, sending.ErrorCode())
	case errors.As(err, &reply):
		return s.explainLogin(err, reply.Code)
	case errors.As(err, &lookup):
		return advised{err, "check [mail] server, and this computer's network"}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &op):
		return advised{err, "check that the mail server runs, and the port in [mail] server: 587 for starttls, 465 for implicit"}
	}
	return err
}

func (s *Mail) explainLogin(err error, code int) error {
	switch code {
	case 535, 534, 538, 432:
		return advised{err, "check [mail] username and the password in password_file; many providers want a password " +
			"made for this program (an app password)"}
	}
	return err
}

func (s *Mail) explainReply(err error, at mail.SendErrReason, code int) error {
	const permanent = 500
	switch {
	case s.o.Username == "" && at == mail.ErrSMTPMailFrom && code >= permanent:
		return advised{err, "if the server wants a name and a password, set username and password_file in [mail]; " +
			"otherwise check [mail] from"}
	case at == mail.ErrSMTPMailFrom:
		return advised{err, "the server does not take mail from this sender: check [mail] from"}
	case code >= permanent && at == mail.ErrSMTPRcptTo:
		return advised{fmt.Errorf("%w: %w", ErrRefused, err), "check the address " + s.o.To}
	case code >= permanent && (at == mail.ErrSMTPDataClose || at == mail.ErrSMTPData):
		return advised{fmt.Errorf("%w: %w", ErrRefused, err), "the server does not take this mail: ask who runs it"}
	}
	return err
}
