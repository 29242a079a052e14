//go:build unix

package people

import (
	"os"
	"syscall"
)

// giveToOwner gives a file to the owner of its folder. Only root can, and only root needs to.
func giveToOwner(root *os.Root, name string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := root.Stat(".")
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return root.Lchown(name, int(owner.Uid), int(owner.Gid))
}
