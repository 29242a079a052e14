package flac

import "math/bits"

const (
	orderMax     = 4 // of the fixed predictors
	partitionMax = 6 // a block is cut into 2^6 parts at most, each with a Rice parameter of its own
	riceMax      = 14
)

// A coder codes the samples of one channel. It is used again for each block.
type coder struct {
	residual []uint32 // folded: 0, -1, 1, -2, …
	sums     [1 << partitionMax]uint64
}

// subframe writes one channel's samples of so many bits: as a constant, as what a predictor leaves, or as they are.
func (c *coder) subframe(w *writer, signal []int32, depth int) {
	if constant(signal) {
		w.put(0, 8)
		w.put(uint32(signal[0]), depth)
		return
	}
	order := bestOrder(signal)
	partition, size := 0, uint64(0)
	if order >= 0 {
		c.predict(signal, order)
		partition, size = c.bestPartition(len(signal), order)
	}
	if order < 0 || size >= uint64((len(signal)-order)*depth) {
		w.put(1<<1, 8)
		for _, s := range signal {
			w.put(uint32(s), depth)
		}
		return
	}
	w.put(uint32(8|order)<<1, 8)
	for _, s := range signal[:order] {
		w.put(uint32(s), depth)
	}
	c.rice(w, len(signal), order, partition)
}

func constant(signal []int32) bool {
	for _, s := range signal[1:] {
		if s != signal[0] {
			return false
		}
	}
	return true
}

// bestOrder is the predictor that leaves least: the order of differences to take. It is -1 for a block too short for any.
func bestOrder(signal []int32) int {
	if len(signal) <= orderMax {
		return -1
	}
	var sum [orderMax + 1]int64
	var a, b, c, d int32 // the last sample, and the last difference of each order
	for i, s := range signal {
		d1 := s - a
		d2 := d1 - b
		d3 := d2 - c
		d4 := d3 - d
		a, b, c, d = s, d1, d2, d3
		if i >= orderMax {
			sum[0] += int64(max(s, -s))
			sum[1] += int64(max(d1, -d1))
			sum[2] += int64(max(d2, -d2))
			sum[3] += int64(max(d3, -d3))
			sum[4] += int64(max(d4, -d4))
		}
	}
	best := 0
	for k := range sum {
		if sum[k] < sum[best] {
			best = k
		}
	}
	return best
}

// predict fills in the residual.
func (c *coder) predict(signal []int32, order int) {
	c.residual = c.residual[:0]
	for i := order; i < len(signal); i++ {
		x := signal[i-order : i+1]
		var d int32
		switch order {
		case 0:
			d = x[0]
		case 1:
			d = x[1] - x[0]
		case 2:
			d = x[2] - 2*x[1] + x[0]
		case 3:
			d = x[3] - 3*(x[2]-x[1]) - x[0]
		case 4:
			d = x[4] - 4*(x[3]+x[1]) + 6*x[2] + x[0]
		}
		c.residual = append(c.residual, uint32(d<<1)^uint32(d>>31))
	}
}

// bestPartition chooses into how many parts to cut the block, as a power of two, and estimates the bits that it takes.
func (c *coder) bestPartition(n, order int) (best int, size uint64) {
	top := min(partitionMax, bits.TrailingZeros(uint(n)))
	for top > 0 && n>>top <= order {
		top--
	}
	parts, length := 1<<top, n>>top
	rest := c.residual
	for p := range parts {
		m := length
		if p == 0 {
			m -= order
		}
		c.sums[p] = 0
		for _, r := range rest[:m] {
			c.sums[p] += uint64(r)
		}
		rest = rest[m:]
	}
	size = ^uint64(0)
	for partition := top; partition >= 0; partition-- {
		parts, length = 1<<partition, n>>partition
		total := uint64(0)
		for p := range parts {
			m := length
			if p == 0 {
				m -= order
			}
			_, b := riceParameter(c.sums[p], m)
			total += 4 + b
		}
		if total < size {
			best, size = partition, total
		}
		for p := range parts / 2 {
			c.sums[p] = c.sums[2*p] + c.sums[2*p+1]
		}
	}
	return best, size
}

// riceParameter chooses how many low bits of each of n numbers are written plainly, given their sum, and how many bits all of
// them take at most.
func riceParameter(sum uint64, n int) (k int, size uint64) {
	size = ^uint64(0)
	for try := 0; try <= riceMax; try++ {
		if s := uint64(n)*uint64(try+1) + sum>>try; s < size {
			k, size = try, s
		}
	}
	return k, size
}

// rice writes the residual.
func (c *coder) rice(w *writer, n, order, partition int) {
	w.put(0, 2) // parameters of four bits
	w.put(uint32(partition), 4)
	rest := c.residual
	for p := range 1 << partition {
		m := n >> partition
		if p == 0 {
			m -= order
		}
		var sum uint64
		for _, r := range rest[:m] {
			sum += uint64(r)
		}
		k, _ := riceParameter(sum, m)
		w.put(uint32(k), 4)
		for _, r := range rest[:m] {
			q := int(r >> k)
			if q > 16 {
				w.zeros(q)
				q = 0
			}
			w.put(r&(1<<k-1)|1<<k, q+k+1)
		}
		rest = rest[m:]
	}
}
