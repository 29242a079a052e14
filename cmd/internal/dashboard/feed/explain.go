package feed

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/eclipse/paho.mqtt.golang/packets"
)

// explain says, for a person, why there is no connection, and what to do.
func explain(err error) (what, do string) {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		host    x509.HostnameError
		record  tls.RecordHeaderError
		frame   badFrame
		dns     *net.DNSError
		timeout net.Error
	)
	switch {
	case errors.Is(err, packets.ErrorRefusedBadUsernameOrPassword), errors.Is(err, packets.ErrorRefusedNotAuthorised),
		errors.Is(err, packets.ErrorRefusedIDRejected):
		return "the broker refuses the dashboard", "compare -username and -password with the dashboard's account at the broker"
	case errors.As(err, &unknown):
		return "the broker's certificate is signed by an unknown authority", "name that authority's certificate with -ca"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the broker's certificate has expired or isn't valid yet", "renew it, or correct this computer's clock"
	case errors.As(err, &invalid), errors.As(err, &host):
		return "the broker's certificate is for something else: " + err.Error(), "issue a certificate for the name in -broker"
	case errors.As(err, &record):
		return "the broker doesn't speak TLS on this port", "use its TLS port, usually 8883"
	case errors.As(err, &frame):
		return err.Error(), "check that this is the right broker, and that nobody impersonates it"
	case strings.HasPrefix(err.Error(), "read the files"):
		return err.Error(), "correct the file: it is read again before each attempt"
	case errors.As(err, &dns):
		return "the broker's name can't be found", "check the name in -broker and the network's DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens at the broker's address", "start the broker, or correct the port in -broker"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "there is no route to the broker", "check the network"
	case errors.Is(err, errTimeout), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "the broker doesn't answer", "check that it runs, and that no firewall is between"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "the broker closed the connection",
			"if this happens again, another dashboard has the same client id, or see the broker's log"
	}
	return "the connection to the broker failed: " + err.Error(), "see the broker's log"
}
