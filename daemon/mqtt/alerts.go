package mqtt

import (
	"crypto/tls"
	"errors"
	"net"
)

// TLS alerts by which a broker says why it ends a handshake (RFC 8446, section 6.2).
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

// alertTexts are the texts that crypto/tls has for alerts: the type of those that the other side
// sent is its own.
var alertTexts = func() map[string]int {
	all := map[string]int{}
	for n := range 256 {
		all[tls.AlertError(n).Error()] = n
	}
	return all
}()

// alertOf is what the broker said in TLS before it hung up.
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
	return "the broker speaks no TLS version that the unit does", "have the broker speak TLS 1.2 or 1.3"
}

func noCipher() (what, do string) {
	return "the broker has no TLS cipher that the unit has",
		"allow the broker's usual ciphers, those with ECDHE and AES-GCM or ChaCha20"
}

// ofCertificates is for a broker that doesn't want the unit's certificate, or misses one.
func ofCertificates(_ stage, err error) (what, do string) {
	const renew = "set cert and client_key in [mqtt] to a certificate that "
	number, _ := alertOf(err)
	switch number {
	case certificateRequired:
		return "the broker wants a certificate of the unit's, and was shown none", renew + "the broker accepts"
	case certificateExpired:
		return "the broker refused the unit's certificate: it has expired, or is not valid yet by the broker's clock",
			renew + "is valid; see that both clocks are right"
	case unknownCA:
		return "the broker refused the unit's certificate: the broker doesn't know the authority that signed it",
			renew + "an authority has signed which the broker knows"
	case certificateRevoked:
		return "the broker refused the unit's certificate: it was revoked", renew + "is valid"
	case unsupportedCertificate:
		return "the broker refused the unit's certificate: it is of a kind that the broker can't use",
			renew + "is one for clients, with an RSA or ECDSA key"
	case badCertificate, certificateUnknown, decryptError:
		return "the broker refused the unit's certificate", renew + "the broker accepts and that is still valid"
	case accessDenied:
		return "the broker refused the unit's certificate: it is valid, but its name has no access",
			"let the name in the unit's certificate in at the broker"
	}
	return "", ""
}

// ofAlerts is for a broker that can't agree with the unit on how to speak TLS.
func ofAlerts(_ stage, err error) (what, do string) {
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
		return "the broker ended the TLS handshake: it has no TLS cipher that the unit has, or, with TLS 1.2, misses a certificate of the unit's",
			"allow the broker's usual ciphers; where it wants certificates set cert and client_key in [mqtt]"
	case unrecognizedName:
		return "the broker has no certificate for the name that it was asked by",
			"write the broker's name in [mqtt] as its certificate has it"
	case internalError:
		return "the broker failed in the TLS handshake", "look into the broker's log, and at its certificate and key"
	}
	return "the broker ended the TLS handshake", "see the error, and look into the broker's log"
}
