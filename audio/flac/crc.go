package flac

// crc8 is the checksum of a frame's header, with the polynomial 0x07.
func crc8(data []byte) (crc byte) {
	for _, b := range data {
		crc ^= b
		for range 8 {
			crc = crc<<1 ^ crc>>7*0x07
		}
	}
	return crc
}

// crc16 is the checksum after a frame, with the polynomial 0x8005.
func crc16(data []byte) (crc uint16) {
	for _, b := range data {
		crc ^= uint16(b) << 8
		for range 8 {
			crc = crc<<1 ^ crc>>15*0x8005
		}
	}
	return crc
}
