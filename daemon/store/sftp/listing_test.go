//go:build unix

package sftp

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
	"time"

	"tacet/daemon/durable"
)

// answers returns a stream of packets: so many listings of n names, with other answers between.
func answers(random *rand.Rand, listings int, n uint32, other bool) []byte {
	var all []byte
	packet := func(body []byte) {
		all = append(binary.BigEndian.AppendUint32(all, uint32(len(body))), body...)
	}
	for range listings {
		body := binary.BigEndian.AppendUint32([]byte{nameAnswer, 0, 0, 0, 1}, n)
		packet(append(body, make([]byte, random.IntN(3000))...))
		if other {
			packet(append([]byte{101}, make([]byte, random.IntN(20))...))
		}
	}
	return all
}

// Listings are counted, however the stream is split, and the stream is not changed.
func TestCounted(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	most := uint32(durable.MaxEntries)
	for _, c := range []struct {
		listings int
		names    uint32
		other    bool
		endless  bool
	}{{100, 100, false, false}, {2000, 100, false, true}, {2000, 100, true, false}, {1, most + 2000, false, true},
		{2, 1<<32 - 1, true, true}, {102_000, 0, false, true}} {
		data := answers(random, c.listings, c.names, c.other)
		for _, from := range []io.Reader{bytes.NewReader(data), iotest.OneByteReader(bytes.NewReader(data)),
			iotest.HalfReader(bytes.NewReader(data))} {
			got, err := io.ReadAll(&listingLimiter{from: from})
			if (err == errEndless) != c.endless || err != nil && !c.endless {
				t.Errorf("%+v: %v", c, err)
			}
			if !c.endless && !bytes.Equal(got, data) {
				t.Errorf("%+v: the stream is changed", c)
			}
		}
	}
}
