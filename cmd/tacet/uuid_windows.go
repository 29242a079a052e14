package main

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// fileSystemUUID returns the UUID of the file system that a folder is on, as Linux writes it for
// FAT and exFAT: the volume's serial number. It returns "" for other file systems.
func fileSystemUUID(path string) (string, error) {
	top, err := fileSystemRoot(path)
	if err != nil {
		return "", err
	}
	name, err := windows.UTF16PtrFromString(top)
	if err != nil {
		return "", err
	}
	var serial uint32
	kind := make([]uint16, 32)
	if err := windows.GetVolumeInformation(name, nil, 0, &serial, nil, nil, &kind[0], uint32(len(kind))); err != nil {
		return "", err
	}
	switch windows.UTF16ToString(kind) {
	case "FAT", "FAT32", "exFAT":
		return fmt.Sprintf("%04X-%04X", serial>>16, serial&0xffff), nil
	}
	return "", nil
}
