//go:build linux

package storetest

import (
	"encoding/binary"
)

// Trait makes a server differ from OpenSSH. Any goroutine may call its functions.
type Trait struct {
	Lacks []string // extensions that are neither offered nor supported
	Adds  map[string]string
	// Ask answers a request instead of the server. If it is or returns nil the server is asked.
	Ask func(r Request) (answer []byte)
	// Answer, if not nil, changes the server's answer.
	Answer func(r Request, answer []byte) []byte
}

// Request is one request of the SFTP protocol, version 3.
type Request struct {
	Type byte
	ID   uint32
	Body []byte // after the request number
}

// Types of requests and answers.
const (
	SFTPInit, SFTPVersion                       = 1, 2
	SFTPOpen, SFTPClose, SFTPRead, SFTPWrite    = 3, 4, 5, 6
	SFTPLstat, SFTPFstat, SFTPSetstat           = 7, 8, 9
	SFTPFsetstat, SFTPOpendir, SFTPReaddir      = 10, 11, 12
	SFTPRemove, SFTPStat, SFTPRename            = 13, 17, 18
	SFTPExtended                                = 200
	SFTPStatus, SFTPHandle, SFTPData            = 101, 102, 103
	SFTPName, SFTPAttrs, SFTPExtendedReply      = 104, 105, 201
	SFTPOK, SFTPEOF, SFTPNoSuchFile             = 0, 1, 2
	SFTPDenied, SFTPFailure, SFTPBad, SFTPUnsup = 3, 4, 5, 8
)

// String returns the nth string in the body.
func (r Request) String(n int) string {
	body := r.Body
	for ; ; n-- {
		if len(body) < 4 {
			return ""
		}
		size := int(binary.BigEndian.Uint32(body))
		if size > len(body)-4 {
			return ""
		}
		if n == 0 {
			return string(body[4 : 4+size])
		}
		body = body[4+size:]
	}
}

// Flags returns the flags of an open request.
func (r Request) Flags() uint32 {
	at := 4 + len(r.String(0))
	if r.Type != SFTPOpen || len(r.Body) < at+4 {
		return 0
	}
	return binary.BigEndian.Uint32(r.Body[at:])
}

// Packet returns an answer to the request.
func (r Request) Packet(kind byte, body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{kind}, r.ID), body...)
}

// Refuse returns an answer with an error code.
func (r Request) Refuse(code uint32, text string) []byte {
	body := binary.BigEndian.AppendUint32(nil, code)
	body = append(binary.BigEndian.AppendUint32(body, uint32(len(text))), text...)
	return r.Packet(SFTPStatus, binary.BigEndian.AppendUint32(body, 0))
}
