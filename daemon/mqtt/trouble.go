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

// The codes of a Trouble, of which one at a time is up. Package health declares the warnings.
const (
	Unreached  = health.MQTTOffline // can't be reached, or doesn't work
	Denied     = health.MQTTDenied  // refuses the unit
	Unverified = health.MQTTHostKey // can't prove its identity
	Files      = health.MQTTFiles   // the credential files can't be used
)

// Codes returns all of them.
func Codes() []health.Code { return []health.Code{Unreached, Denied, Unverified, Files} }

// Trouble says, for a person, why there is no connection to the broker.
type Trouble struct {
	Code health.Code
	What string // what is wrong, in lower case, without a full stop
	Do   string // what to do about it
	Err  error  // the cause, or nil
}

func (t *Trouble) Error() string {
	if t.Err == nil {
		return t.What
	}
	return t.What + ": " + t.Err.Error()
}

func (t *Trouble) Unwrap() error { return t.Err }

// key identifies a trouble. It leaves the error out, which may name a different port each time,
// except for files, where only the error says what is wrong.
func (t *Trouble) key() string {
	switch {
	case t == nil:
		return ""
	case t.Code == Files:
		return t.Error()
	}
	return t.What
}

// stage is how far a connection has come.
type stage int

const (
	stageDial    stage = iota // TCP
	stageTLS                  // TLS
	stageConnect              // CONNECT has been sent
	stageSession              // the broker has accepted the connection
)

var errTimeout = errors.New("no answer in time")

// diagnose finds the trouble behind an error, for the person who has to fix it.
func diagnose(at stage, err error) *Trouble {
	var known *Trouble
	if errors.As(err, &known) {
		return known
	}
	if s, ok := stepOf(err); ok && s.kind != connecting {
		return stepTrouble(s, err)
	}
	for _, of := range []struct {
		code     health.Code
		diagnose func(stage, error) (what, do string)
	}{{Unverified, identityTrouble}, {Denied, certificateTrouble}, {Denied, refusalTrouble}, {Unreached, tlsTrouble},
		{Unreached, handshakeTrouble}, {Unreached, answerTrouble}, {Unreached, networkTrouble}} {
		if what, do := of.diagnose(at, err); what != "" {
			return &Trouble{Code: of.code, What: what, Do: do, Err: err}
		}
	}
	return &Trouble{Code: Unreached, What: "the connection to the broker failed",
		Do: "see the error and the broker's log", Err: err}
}

// stepTrouble is for a broker that hung up on a step, or never answered it.
func stepTrouble(s step, err error) *Trouble {
	t := &Trouble{Code: Unreached, What: "the broker hung up when the unit " + s.describe(), Err: err}
	if errors.Is(err, errTimeout) {
		t.What = "the broker does not answer when the unit " + s.describe()
	}
	switch {
	case s.kind == birth:
		t.Do = "if this happens again, let the unit's account subscribe to " + s.topic +
			", or write homeassistant = \"\" in [mqtt]"
	default:
		t.Do = fmt.Sprintf("if this happens again, let the unit's account publish on %s, allow messages of %d bytes, "+
			"retained messages and QoS 1, and check that no other unit has the same site and "+
			"room", s.topic, s.size+len(s.topic)+8)
	}
	return t
}

// identityTrouble is for a broker that can't prove its identity.
func identityTrouble(_ stage, err error) (what, do string) {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		host    x509.HostnameError
		other   *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &unknown):
		return "the unit doesn't know the authority that signed the broker's certificate",
			"set ca in [mqtt] to that authority's certificate"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the broker's certificate has expired or isn't valid yet",
			"renew the broker's certificate, or correct the unit's clock"
	case errors.As(err, &invalid):
		return "the broker's certificate isn't one for a server", "see the error and issue a new certificate"
	case errors.As(err, &host):
		return "the broker's certificate is for another name",
			"write the name that is in the certificate in [mqtt] broker, or issue a certificate for the present one"
	case errors.As(err, &other):
		return "the broker's certificate can't be verified", "see the error and issue a new certificate"
	}
	return "", ""
}

// refusalTrouble is for a broker that refuses the unit.
func refusalTrouble(_ stage, err error) (what, do string) {
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised):
		return "the broker refused the user name or the password",
			"compare username and password_file in [mqtt] with the unit's account on the broker; " +
				"it may also refuse the client id tacet-<site>-<room>"
	case errors.Is(err, packets.ErrorRefusedIDRejected):
		return "the broker refused the unit's client id", "allow the client id tacet-<site>-<room> on the broker"
	}
	return "", ""
}

func handshakeTrouble(at stage, err error) (what, do string) {
	var record tls.RecordHeaderError
	switch {
	case at == stageTLS && strings.Contains(err.Error(), "unsupported protocol version"):
		return noVersion()
	case at == stageTLS && strings.Contains(err.Error(), "unconfigured cipher suite"):
		return noCipher()
	case errors.As(err, &record):
		return "the broker doesn't speak TLS on this port", "use the broker's TLS port, usually 8883"
	case at == stageTLS && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return "the broker hung up during the TLS handshake", "use the broker's TLS port, usually 8883, and check its log"
	}
	return "", ""
}

// answerTrouble is for a broker that answers in an unexpected way.
func answerTrouble(at stage, err error) (what, do string) {
	var frame badFrame
	switch {
	case errors.Is(err, packets.ErrorRefusedServerUnavailable):
		return "the broker says that it is unavailable", "check the broker's log"
	case errors.Is(err, packets.ErrorRefusedBadProtocolVersion):
		return "the broker doesn't speak MQTT 3.1.1", "use one that does"
	case errors.As(err, &frame):
		return "the broker violates the MQTT protocol",
			"check that this is the right broker and port, and that nobody impersonates it"
	case at == stageConnect && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return "the broker hung up without an answer",
			"if this is its TLS port, write mqtts://; otherwise check the broker's log"
	}
	return "", ""
}

func networkTrouble(at stage, err error) (what, do string) {
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
		return "there is no route to the broker", "check the unit's network cable or Wi-Fi"
	case errors.Is(err, errTimeout), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "the broker doesn't answer", "check that the broker is running and that no firewall blocks it"
	case at == stageSession && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return "the broker closed the connection",
			"if this happens repeatedly, another unit has the same site and room"
	}
	return "", ""
}
