package hw

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// keepStdin runs periph's Init and ensures that file descriptor 0 is open afterwards: as before or,
// if it was closed, as /dev/null.
//
// If two names in /dev lead to one chip, as with a symlink of Raspberry Pi OS, Init closes the
// second, and with it descriptor 0 (periph/host issue 70). The next line requested would become
// descriptor 0, which means "not requested" to periph, so it would never be released. Init also
// closes the second chip's descriptor twice, which is harmless only if no file is opened meanwhile.
func keepStdin(init func() error) error {
	if err := openNull(); err != nil { // otherwise a chip would become descriptor 0
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
			err = errors.Join(err, fmt.Errorf("restore standard input: %w", derr))
		}
	}
	return err
}

// openNull opens /dev/null as descriptor 0 if that is closed.
func openNull() error {
	if isOpen(0) {
		return nil
	}
	fd, err := unix.Open(os.DevNull, unix.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open %s as standard input: %w", os.DevNull, err)
	}
	if fd == 0 { // the lowest free one
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
