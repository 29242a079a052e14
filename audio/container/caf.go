package container

import (
	"encoding/binary"
	"math"

	"tacet/audio/ogg"
)

// CAF returns the header of a CAF file, which plays on iPhones from iOS 11 on. The packets follow.
func CAF(t Track) ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	be := binary.BigEndian
	h := append([]byte("caff"), 0, 1, 0, 0) // version 1

	h = cafChunk(h, "desc", 32)
	h = be.AppendUint64(h, math.Float64bits(ogg.Rate))
	h = append(h, "opus"...)
	h = be.AppendUint32(h, 0) // flags
	h = be.AppendUint32(h, uint32(t.PacketSize))
	h = be.AppendUint32(h, packetLength)
	h = be.AppendUint32(h, uint32(t.Channels))
	h = be.AppendUint32(h, 0) // bits per sample: compressed

	cookie := t.opusHead()
	h = cafChunk(h, "kuki", int64(len(cookie)))
	h = append(h, cookie...)

	h = cafChunk(h, "pakt", 24) // no table: all packets have one size
	h = be.AppendUint64(h, uint64(t.Packets))
	h = be.AppendUint64(h, uint64(t.Heard()))
	h = be.AppendUint32(h, ogg.PreSkip)
	h = be.AppendUint32(h, uint32(t.trim()))

	h = cafChunk(h, "data", 4+t.Bytes())
	return be.AppendUint32(h, 0), nil // the number of edits
}

func cafChunk(h []byte, kind string, size int64) []byte {
	return binary.BigEndian.AppendUint64(append(h, kind...), uint64(size))
}
