package hw

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// keepStdin runs periph's Init and sees to it that file descriptor 0 is open afterwards: as it was
// before or, if it was closed, as /dev/null.
//
// Where two names in /dev lead to one chip (Raspberry Pi OS has such a symlink) Init closes the
// second, and with it descriptor 0 (periph/host issue 70). The next line requested would become
// descriptor 0, which periph takes for "not requested": it would never be released. Init also
// closes the second chip's own descriptor twice; that one can only be kept harmless by opening no
// file meanwhile.
func keepStdin(init func() error) error {
	if err := openNull(); err != nil { // or a chip would become descriptor 0
		return err
	}
	saved, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return fmt.Errorf("keep standard input: %w", err)
	}
	defer unix.Close(saved)
	err = init()
	if !isOpen(0) {
		if derr := unix.Dup3(saved, 0, 0); derr != nil {
			err = errors.Join(err, fmt.Errorf("put standard input back: %w", derr))
		}
	}
	return err
}

// openNull puts /dev/null on descriptor 0 if nothing is.
func openNull() error {
	if isOpen(0) {
		return nil
	}
	fd, err := unix.Open(os.DevNull, unix.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open %s as standard input: %w", os.DevNull, err)
	}
	if fd == 0 { // the lowest that is free
		return nil
	}
	defer unix.Close(fd)
	if err := unix.Dup3(fd, 0, 0); err != nil {
		return fmt.Errorf("open %s as standard input: %w", os.DevNull, err)
	}
	return nil
}

func isOpen(fd uintptr) bool {
	_, err := unix.FcntlInt(fd, unix.F_GETFD, 0)
	return err == nil
}

func groupOf(info fs.FileInfo) (gid int, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Gid), true
}
