package container

import (
	"bytes"
	"encoding/binary"

	"tacet/audio/ogg"
)

// chunkPackets is the number of packets in a chunk: a second, so that a player that seeks reads
// little.
const chunkPackets = 50

// be32 and be16 are lists of big-endian numbers.
func be32(list ...uint32) (b []byte) {
	for _, v := range list {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

func be16(list ...uint16) (b []byte) {
	for _, v := range list {
		b = binary.BigEndian.AppendUint16(b, v)
	}
	return b
}

// box returns a box.
func box(kind string, content ...[]byte) []byte {
	body := bytes.Join(content, nil)
	return append(append(be32(uint32(8+len(body))), kind...), body...)
}

// fullBox returns a box with a version and flags.
func fullBox(kind string, version byte, flags uint32, content ...[]byte) []byte {
	return box(kind, append([][]byte{be32(uint32(version)<<24 | flags)}, content...)...)
}

// MP4 returns the header of an MP4 file. The packets follow.
func MP4(t Track) ([]byte, error) {
	if err := t.check(); err != nil {
		return nil, err
	}
	ftyp := box("ftyp", []byte("M4A "), be32(0), []byte("M4A mp42isom"))
	size := len(ftyp) + len(t.moov(0)) + 8 // the offsets in it don't change its size
	mdat := append(be32(uint32(8+t.Bytes())), "mdat"...)
	return bytes.Join([][]byte{ftyp, t.moov(uint32(size)), mdat}, nil), nil
}

// unity is the matrix that changes nothing.
var unity = be32(1<<16, 0, 0, 0, 1<<16, 0, 0, 0, 1<<30)

// moov is the box that describes the file. first is the offset of the first packet.
func (t Track) moov(first uint32) []byte {
	const language = 0x55c4 // undetermined
	heard := uint32(t.Heard())
	mvhd := fullBox("mvhd", 0, 0, be32(0, 0, ogg.Rate, heard, 1<<16), be16(1<<8, 0), be32(0, 0), unity,
		make([]byte, 24), be32(2))
	tkhd := fullBox("tkhd", 0, 3, be32(0, 0, 1, 0, heard, 0, 0), be16(0, 0, 1<<8, 0), unity, be32(0, 0))
	edts := box("edts", fullBox("elst", 0, 0, be32(1, heard, ogg.PreSkip), be16(1, 0)))
	mdhd := fullBox("mdhd", 0, 0, be32(0, 0, ogg.Rate, uint32(t.Length)), be16(language, 0))
	hdlr := fullBox("hdlr", 0, 0, be32(0), []byte("soun"), make([]byte, 12), []byte{0})
	dinf := box("dinf", fullBox("dref", 0, 0, be32(1), fullBox("url ", 0, 1)))
	minf := box("minf", fullBox("smhd", 0, 0, be16(0, 0)), dinf, t.stbl(first))
	return box("moov", mvhd, box("trak", tkhd, edts, box("mdia", mdhd, hdlr, minf)))
}

// stbl is the box with the tables of packets.
func (t Track) stbl(first uint32) []byte {
	dOps := box("dOps", []byte{0, byte(t.Channels)}, be16(ogg.PreSkip), be32(uint32(t.Rate)), be16(0), []byte{0})
	opus := box("Opus", make([]byte, 6), be16(1), make([]byte, 8), be16(uint16(t.Channels), 16, 0, 0), be32(ogg.Rate<<16), dOps)
	n := uint32(t.Packets)
	full, rest := n/chunkPackets, n%chunkPackets
	var stsc []byte
	runs := uint32(0)
	if full > 0 {
		stsc, runs = append(stsc, be32(1, chunkPackets, 1)...), runs+1
	}
	if rest > 0 {
		stsc, runs, full = append(stsc, be32(full+1, rest, 1)...), runs+1, full+1
	}
	offsets := be32(full)
	for i := range full {
		offsets = append(offsets, be32(first+i*chunkPackets*uint32(t.PacketSize))...)
	}
	durations, runsOf := t.durations()
	return box("stbl",
		fullBox("stsd", 0, 0, be32(1), opus),
		fullBox("stts", 0, 0, be32(runsOf), durations),
		fullBox("stsc", 0, 0, be32(runs), stsc),
		fullBox("stsz", 0, 0, be32(uint32(t.PacketSize), n)),
		fullBox("stco", 0, 0, offsets),
		fullBox("sgpd", 1, 0, []byte("roll"), be32(2, 1), be16(1<<16-preRoll)),
		fullBox("sbgp", 0, 0, []byte("roll"), be32(1, n, 1)),
	)
}

// durations is the table of the packets' lengths, which all are the same but for what is trimmed at
// the end, and the number of its entries.
func (t Track) durations() (table []byte, entries uint32) {
	whole := t.Length / packetLength
	add := func(n, length int64) {
		if n > 0 {
			table, entries = append(table, be32(uint32(n), uint32(length))...), entries+1
		}
	}
	add(whole, packetLength)
	if rest := t.Length % packetLength; rest > 0 {
		add(1, rest)
		whole++
	}
	add(t.Packets-whole, 0)
	return table, entries
}
