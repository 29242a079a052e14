package mqtt

import (
	"crypto/tls"
	"errors"
	"net"
)

// The TLS alerts that say why a broker ended the handshake (RFC 8446, section 6.2).
const (
	handshakeFailure       = 40
	badCertificate         = 42
	unsupportedCertificate = 43
	certificateRevoked     = 44
	certificateExpired     = 45
	certificateUnknown     = 46
	unknownCA              = 48
	accessDenied           = 49
	decryptError           = 51
	protocolVersion        = 70
	insufficientSecurity   = 71
	internalError          = 80
	unrecognizedName       = 112
	certificateRequired    = 116
)

// alertTexts maps crypto/tls's texts to the alerts' numbers: the type of a received alert is not
// exported.
var alertTexts = func() map[string]int {
	all := map[string]int{}
	for n := range 256 {
		all[tls.AlertError(n).Error()] = n
	}
	return all
}()

// alertOf returns the TLS alert that the broker sent, or -1 for an unknown one.
func alertOf(err error) (number int, ok bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return 0, false
	}
	number, known := alertTexts[op.Err.Error()]
	if !known {
		number = -1
	}
	return number, true
}

func isAlert(err error) bool { _, ok := alertOf(err); return ok }

func noVersion() (what, do string) {
	return "the broker and the unit have no TLS version in common", "enable TLS 1.2 or 1.3 on the broker"
}

func noCipher() (what, do string) {
	return "the broker and the unit have no TLS cipher in common",
		"enable the usual ciphers on the broker, those with ECDHE and AES-GCM or ChaCha20"
}

// certificateTrouble is for a broker that rejects the unit's certificate, or asks for one.
func certificateTrouble(_ stage, err error) (what, do string) {
	const renew = "set cert and client_key in [mqtt] to a certificate that "
	number, _ := alertOf(err)
	switch number {
	case certificateRequired:
		return "the broker asks for a certificate, and the unit has none", renew + "the broker accepts"
	case certificateExpired:
		return "the broker refused the unit's certificate: it has expired, or by the broker's clock is not valid yet",
			renew + "is valid, and check both clocks"
	case unknownCA:
		return "the broker refused the unit's certificate: it doesn't know the authority that signed it",
			renew + "is signed by an authority that the broker knows"
	case certificateRevoked:
		return "the broker refused the unit's certificate: it has been revoked", renew + "is valid"
	case unsupportedCertificate:
		return "the broker refused the unit's certificate: its type is not supported",
			renew + "is made for clients, with an RSA or ECDSA key"
	case badCertificate, certificateUnknown, decryptError:
		return "the broker refused the unit's certificate", renew + "the broker accepts and that is still valid"
	case accessDenied:
		return "the broker refused the unit's certificate: it is valid, but its name has no access",
			"give the name in the unit's certificate access to the broker"
	}
	return "", ""
}

// tlsTrouble is for a TLS handshake that failed for want of agreement.
func tlsTrouble(_ stage, err error) (what, do string) {
	number, ok := alertOf(err)
	if !ok {
		return "", ""
	}
	switch number {
	case protocolVersion:
		return noVersion()
	case insufficientSecurity:
		return noCipher()
	case handshakeFailure:
		return "the broker ended the TLS handshake: there is no TLS cipher in common or, with TLS 1.2, it asks for a " +
				"certificate",
			"enable the usual ciphers on the broker; if it asks for certificates, set cert and client_key in [mqtt]"
	case unrecognizedName:
		return "the broker has no certificate for the name in [mqtt] broker",
			"write the name that is in the broker's certificate"
	case internalError:
		return "the broker failed during the TLS handshake", "check the broker's log, certificate and key"
	}
	return "the broker ended the TLS handshake", "see the error and the broker's log"
}
