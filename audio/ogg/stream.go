package ogg

// A Stream puts the packets of one recording into pages.
type Stream struct {
	serial   uint32
	sequence uint32
	page     Page // its lacing and body are used again for each page, and wiped in between
}

// NewStream begins the stream of a recording and returns its first two pages, which hold the
// headers.
func NewStream(id string, head Head) (*Stream, []byte) {
	s := &Stream{serial: Serial(id)}
	s.Packet(head.packet())
	out := s.Page(nil, First, 0)
	s.Packet(tags(id))
	return s, s.Page(out, 0, 0)
}

// Hold has the packets of a page kept in memory of the caller's, until the page is ended. If they
// don't fit into that they go into other memory.
func (s *Stream) Hold(memory []byte) { s.page.Body = memory[:0] }

// Held is the packets of the page that is being made.
func (s *Stream) Held() []byte { return s.page.Body }

// Packet adds a packet to the page that is being made. A page takes 255 packets of less than 255
// bytes each; fewer, if they are longer: it is for the caller to end it in time.
func (s *Stream) Packet(packet []byte) {
	s.page.Lacing = lace(s.page.Lacing, len(packet))
	s.page.Body = append(s.page.Body, packet...)
}

// Page ends the page and appends it. The granule is where the stream stands at its end, in samples
// at 48 kHz.
func (s *Stream) Page(dst []byte, flags byte, granule int64) []byte {
	s.page.Flags, s.page.Granule, s.page.Serial, s.page.Sequence = flags, granule, s.serial, s.sequence
	dst = s.page.Append(dst)
	clear(s.page.Body)
	s.page.Lacing, s.page.Body = s.page.Lacing[:0], s.page.Body[:0]
	s.sequence++
	return dst
}
