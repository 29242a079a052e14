package ogg

// A Stream puts the packets of one recording into pages.
type Stream struct {
	serial   uint32
	sequence uint32
	page     Page // reused for each page, and wiped in between
}

// NewStream starts the stream of a recording and returns its first two pages, the headers.
func NewStream(id string, head Head) (*Stream, []byte) {
	s := &Stream{serial: Serial(id)}
	s.Packet(head.packet())
	out := s.Page(nil, First, 0)
	s.Packet(tags(id))
	return s, s.Page(out, 0, 0)
}

// Hold makes the stream collect the packets of a page in the caller's memory. Packets that don't
// fit go to the heap.
func (s *Stream) Hold(memory []byte) { s.page.Body = memory[:0] }

// Held is the packets of the current page.
func (s *Stream) Held() []byte { return s.page.Body }

// Packet adds a packet to the current page. A page holds 255 packets of less than 255 bytes each,
// or fewer longer ones. The caller must end it in time.
func (s *Stream) Packet(packet []byte) {
	s.page.Lacing = lace(s.page.Lacing, len(packet))
	s.page.Body = append(s.page.Body, packet...)
}

// Page ends the page and appends it. granule is the position at its end, in samples at 48 kHz.
func (s *Stream) Page(dst []byte, flags byte, granule int64) []byte {
	s.page.Flags, s.page.Granule, s.page.Serial, s.page.Sequence = flags, granule, s.serial, s.sequence
	dst = s.page.Append(dst)
	clear(s.page.Body)
	s.page.Lacing, s.page.Body = s.page.Lacing[:0], s.page.Body[:0]
	s.sequence++
	return dst
}
