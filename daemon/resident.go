package daemon

import (
	"bufio"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// letGo has the pages let go that what comes now doesn't need: when the unit has started, and when
// a recording has.
func (d *Daemon) letGo() {
	if !frugal.Load() {
		return
	}
	go func() {
		if err := letGo(); err != nil {
			d.log.Debug("letting go of what only the start needed", "err", err)
		}
	}()
}

// letGo unmaps the pages of the program from this process, not those of libraries, of which others
// may just be unloaded: what runs on comes back from the kernel's memory at once, and what only a
// start needs is the kernel's to use. It touches nothing that was ever written: no mapping that can
// be written to now, and none with a page of its own. Those it unlocks first: they are the same on
// the disk, and the kernel lets go of nothing that is locked.
func letGo() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer f.Close()
	var from, to uint64
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 5 && !strings.HasSuffix(fields[0], ":") {
			from, to = 0, 0
			if len(fields) >= 6 && fields[5] == program && fields[1][0] == 'r' && fields[1][1] == '-' && fields[1][3] == 'p' {
				from, to = addresses(fields[0])
			}
			continue
		}
		if len(fields) == 3 && fields[0] == "Anonymous:" && fields[1] == "0" && to > from {
			if _, _, err := unix.Syscall(unix.SYS_MUNLOCK, uintptr(from), uintptr(to-from), 0); err != 0 {
				return err
			}
			if _, _, err := unix.Syscall(unix.SYS_MADVISE, uintptr(from), uintptr(to-from), unix.MADV_DONTNEED); err != 0 {
				return err
			}
		}
	}
	return lines.Err()
}

// addresses are where a mapping begins and ends.
func addresses(s string) (from, to uint64) {
	a, b, _ := strings.Cut(s, "-")
	from, err := strconv.ParseUint(a, 16, 64)
	if err != nil {
		return 0, 0
	}
	to, err = strconv.ParseUint(b, 16, 64)
	if err != nil {
		return 0, 0
	}
	return from, to
}
