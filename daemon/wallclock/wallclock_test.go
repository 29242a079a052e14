package wallclock

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A clock is synchronised if its known error is below 16 s, whatever the kernel's flags say.
func TestSynced(t *testing.T) {
	for what, c := range map[string]struct {
		state int
		t     unix.Timex
		err   error
		want  bool
	}{
		"timesyncd":              {unix.TIME_OK, unix.Timex{Maxerror: 21_000, Status: unix.STA_PLL}, nil, true},
		"chrony without rtcsync": {unix.TIME_ERROR, unix.Timex{Maxerror: 1_500, Status: unix.STA_UNSYNC}, nil, true},
		"just below": {unix.TIME_ERROR, unix.Timex{Maxerror: 15_999_999, Status: unix.STA_UNSYNC}, nil,
			true},
		"never set": {unix.TIME_ERROR, unix.Timex{Maxerror: 16_000_000, Status: unix.STA_UNSYNC}, nil,
			false},
		"set long ago": {unix.TIME_OK, unix.Timex{Maxerror: 16_000_000, Status: unix.STA_PLL}, nil, false},
		"a leap second is to be put in": {unix.TIME_INS, unix.Timex{Maxerror: 5_000, Status: unix.STA_PLL | unix.STA_INS},
			nil, true},
		"the call is refused": {-1, unix.Timex{}, unix.EPERM, false},
	} {
		got := synced(func(into *unix.Timex) (int, error) {
			if into.Modes != 0 {
				t.Errorf("%s: it would set the clock: modes %#x", what, into.Modes)
			}
			*into = c.t
			return c.state, c.err
		})
		if got != c.want {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}
