package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// The part of the network block device protocol that QEMU uses: the fixed newstyle negotiation and
// simple replies.
const (
	magicServer  = 0x4e42444d41474943
	magicOption  = 0x49484156454f5054
	magicReply   = 0x3e889045565a9
	magicRequest = 0x25609513
	magicAnswer  = 0x67446698

	features = 1 | 1<<2 | 1<<3 // flags are there; can flush; can write through

	optAbort, optInfo, optGo           = 2, 6, 7
	repAck, repInfo, repUnknown        = 1, 3, 1<<31 | 1
	cmdRead, cmdWrite, cmdHangUp       = 0, 1, 2
	cmdFlush                           = 3
	flagThrough                        = 1
	errnoIO, errnoInvalid              = 5, 22
	mostOption, mostRequest      int64 = 64 << 10, 64 << 20
)

var order = binary.BigEndian

// serve serves one client until it disconnects.
func serve(c net.Conn, d *disk) error {
	if err := negotiate(c, d); err != nil {
		return err
	}
	for {
		var q struct {
			Magic       uint32
			Flags, Kind uint16
			Handle      uint64
			Off         int64
			Length      uint32
		}
		if err := binary.Read(c, order, &q); err != nil {
			return err
		}
		if q.Magic != magicRequest || int64(q.Length) > mostRequest {
			return errors.New("not a request")
		}
		data := make([]byte, q.Length)
		if q.Kind == cmdWrite {
			if _, err := io.ReadFull(c, data); err != nil {
				return err
			}
		}
		if q.Kind == cmdHangUp {
			return nil
		}
		errno := d.carryOut(q.Kind, q.Flags, data, q.Off)
		if q.Kind != cmdRead || errno != 0 {
			data = nil
		}
		answer := order.AppendUint64(order.AppendUint32(order.AppendUint32(nil, magicAnswer), errno), q.Handle)
		if _, err := c.Write(append(answer, data...)); err != nil {
			return err
		}
	}
}

func (d *disk) carryOut(kind, flags uint16, data []byte, off int64) (errno uint32) {
	d.mu.Lock()
	if d.gone {
		d.mu.Unlock()
		select {} // this process is about to end
	}
	defer d.mu.Unlock()
	if kind != cmdFlush && (off < 0 || off > d.size-int64(len(data))) {
		return errnoInvalid
	}
	var err error
	switch kind {
	case cmdRead:
		err = d.read(data, off)
	case cmdWrite:
		if err = d.write(data, off); err == nil && flags&flagThrough != 0 {
			err = d.flush()
		}
		d.wrote()
	case cmdFlush:
		err = d.flush()
	default:
		return errnoInvalid
	}
	if err != nil {
		return errnoIO
	}
	return 0
}

// negotiate sends the client the size of the disk.
func negotiate(c net.Conn, d *disk) error {
	hello := order.AppendUint16(order.AppendUint64(order.AppendUint64(nil, magicServer), magicOption), 1)
	if _, err := c.Write(hello); err != nil {
		return err
	}
	var flags uint32
	if err := binary.Read(c, order, &flags); err != nil {
		return err
	}
	for {
		var q struct {
			Magic        uint64
			Kind, Length uint32
		}
		if err := binary.Read(c, order, &q); err != nil {
			return err
		}
		if q.Magic != magicOption || int64(q.Length) > mostOption {
			return errors.New("not an option")
		}
		if _, err := io.CopyN(io.Discard, c, int64(q.Length)); err != nil {
			return err
		}
		reply := func(kind uint32, data []byte) error {
			b := order.AppendUint32(order.AppendUint32(order.AppendUint64(nil, magicReply), q.Kind), kind)
			_, err := c.Write(append(order.AppendUint32(b, uint32(len(data))), data...))
			return err
		}
		var err error
		switch q.Kind {
		case optInfo, optGo:
			err = reply(repInfo, order.AppendUint16(order.AppendUint64(order.AppendUint16(nil, 0), uint64(d.size)), features))
			err = errors.Join(err, reply(repAck, nil))
		case optAbort:
			return fmt.Errorf("the client went away: %w", errors.Join(reply(repAck, nil), net.ErrClosed))
		default:
			err = reply(repUnknown, nil)
		}
		if err != nil || q.Kind == optGo {
			return err
		}
	}
}
