package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tacet/daemon/health"
)

// What Trouble.Code may be: the warnings of which the broker brings one at a time. Package health
// declares them.
const (
	Unreached = health.MQTTOffline // or it is of no use
	Denied    = health.MQTTDenied  // it refuses the unit
	HostKey   = health.MQTTHostKey // it isn't who it should be
	Files     = health.MQTTFiles   // the unit has not got what it needs to connect
)

// Codes are all of them.
func Codes() []health.Code { return []health.Code{Unreached, Denied, HostKey, Files} }

// Trouble is why the broker can't be reached, for a person.
type Trouble struct {
	Code health.Code
	What string // what is wrong: lower case, no full stop
	Do   string // what to do about it
	Err  error  // the error behind it
}

func (t *Trouble) Error() string {
	if t.Err == nil {
		return t.What
	}
	return t.What + ": " + t.Err.Error()
}

func (t *Trouble) Unwrap() error { return t.Err }

// words are what tells one trouble from another. An error may name a port, which is another one
// each time; but what is wrong with a file only the error says.
func (t *Trouble) words() string {
	switch {
	case t == nil:
		return ""
	case t.Code == Files:
		return t.Error()
	}
	return t.What
}

// stage is how far a connection had come.
type stage int

const (
	reaching   stage = iota // TCP
	securing                // TLS
	announcing              // CONNECT has been sent
	talking                 // all was well
)

var errSilent = errors.New("no answer in time")

// diagnose puts an error into words for whoever has to mend it.
func diagnose(at stage, err error) *Trouble {
	var known *Trouble
	if errors.As(err, &known) {
		return known
	}
	if s, ok := blamed(err); ok && s.kind != connecting {
		return ofStep(s, err)
	}
	for _, of := range []struct {
		code health.Code
		look func(stage, error) (what, do string)
	}{{HostKey, ofIdentities}, {Denied, ofCertificates}, {Denied, ofRefusals}, {Unreached, ofAlerts},
		{Unreached, ofHandshakes}, {Unreached, ofAnswers}, {Unreached, ofNetworks}} {
		if what, do := of.look(at, err); what != "" {
			return &Trouble{Code: of.code, What: what, Do: do, Err: err}
		}
	}
	return &Trouble{Code: Unreached, What: "the connection to the broker failed",
		Do: "see the error, and the broker's own log", Err: err}
}

// ofStep is for a broker that hung up, or never answered, with something under way.
func ofStep(s step, err error) *Trouble {
	t := &Trouble{Code: Unreached, What: "the broker hung up when the unit " + s.does(), Err: err}
	if errors.Is(err, errSilent) {
		t.What = "the broker does not answer when the unit " + s.does()
	}
	switch {
	case s.kind == birth:
		t.Do = "if this comes again, let the unit's account subscribe to " + s.topic +
			", or write homeassistant = \"\" in [mqtt]"
	default:
		t.Do = fmt.Sprintf("if this comes again, let the unit's account publish on %s, allow messages of %d bytes, retained ones and QoS 1, and see "+
			"that no other unit has the same site and room", s.topic, s.size+len(s.topic)+8)
	}
	return t
}

// ofIdentities is for a broker that doesn't prove who it is.
func ofIdentities(_ stage, err error) (what, do string) {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		host    x509.HostnameError
		other   *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &unknown):
		return "the broker's certificate is signed by an authority that this unit doesn't know",
			"set ca in [mqtt] to the certificate of the authority that signed the broker's"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the broker's certificate has expired or isn't valid yet",
			"renew the broker's certificate, or set the unit's clock right"
	case errors.As(err, &invalid):
		return "the broker's certificate isn't fit for a server", "see the error, and make the broker a new one"
	case errors.As(err, &host):
		return "the broker's certificate is made out to another name",
			"write the broker's name in [mqtt] as its certificate has it, or make a certificate for this name"
	case errors.As(err, &other):
		return "the broker's certificate can't be verified", "see the error, and make the broker a new one"
	}
	return "", ""
}

// ofRefusals is for a broker that doesn't want the unit.
func ofRefusals(_ stage, err error) (what, do string) {
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return "the broker refused the user name or the password",
			"compare username and password_file in [mqtt] with what the broker has for this unit; " +
				"it may also refuse the client id tacet-<site>-<room>"
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return "the broker refused the unit's client id", "let the broker accept the client id tacet-<site>-<room>"
	}
	return "", ""
}

func ofHandshakes(at stage, err error) (what, do string) {
	var record tls.RecordHeaderError
	switch {
	case at == securing && strings.Contains(err.Error(), "unsupported protocol version"):
		return noVersion()
	case at == securing && strings.Contains(err.Error(), "unconfigured cipher suite"):
		return noCipher()
	case errors.As(err, &record):
		return "the broker doesn't speak TLS on this port", "use the broker's TLS port, usually 8883"
	case at == securing && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return "the broker hung up during the TLS handshake", "use the broker's TLS port, usually 8883, and look into its log"
	}
	return "", ""
}

// ofAnswers is for a broker that says something else than it should.
func ofAnswers(at stage, err error) (what, do string) {
	var frame refused
	switch {
	case errors.Is(err, packets.ErrorRefusedServerUnavailable):
		return "the broker says that it is unavailable", "look into the broker's log"
	case errors.Is(err, packets.ErrorRefusedBadProtocolVersion):
		return "the broker doesn't speak MQTT 3.1.1", "use a broker that does"
	case errors.As(err, &frame):
		return "the broker breaks the rules of MQTT",
			"make sure that this is the right broker and port, and that nobody poses as it"
	case at == announcing && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return "the broker hung up without an answer",
			"if this is its TLS port write mqtts://; otherwise look into the broker's log"
	}
	return "", ""
}

func ofNetworks(at stage, err error) (what, do string) {
	var (
		dns     *net.DNSError
		timeout net.Error
	)
	switch {
	case errors.As(err, &dns):
		return "the broker's name can't be found", "check the name in [mqtt] broker and the network's DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at the broker's address", "start the broker, or correct the port in [mqtt] broker"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no way to the broker", "check the unit's network cable or Wi-Fi"
	case errors.Is(err, errSilent), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "the broker doesn't answer", "check that the broker runs and that no firewall is in between"
	case at == talking && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return "the broker closed the connection",
			"if this comes again and again, two units have the same site and room"
	}
	return "", ""
}
