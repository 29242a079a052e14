package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// try is what came of trying one thing in the sandbox.
type try struct {
	What    string
	Allowed bool   // it should work
	Refusal string // the error that it should fail with
	Err     string // what it failed with; "" if it worked
}

// judge returns what is wrong, or "".
func (t try) judge() string {
	switch {
	case t.Allowed && t.Err != "":
		return fmt.Sprintf("can't %s: %s", t.What, t.Err)
	case !t.Allowed && t.Err == "":
		return "can " + t.What
	case !t.Allowed && t.Err != t.Refusal:
		return fmt.Sprintf("can't %s, but not because of the sandbox: %s", t.What, t.Err)
	}
	return ""
}

// tries are results in order.
type tries []try

func (ts *tries) works(what string, f func() error) { ts.do(try{What: what, Allowed: true}, f) }

// fails tries what must fail with this error.
func (ts *tries) fails(refusal error, what string, f func() error) {
	ts.do(try{What: what, Refusal: refusal.Error()}, f)
}

func (ts *tries) do(t try, f func() error) {
	if err := f(); err != nil {
		t.Err = err.Error()
		if number := unix.Errno(0); errors.As(err, &number) {
			t.Err = number.Error()
		}
	}
	*ts = append(*ts, t)
}

// inside tries what the sandbox allows and what it refuses, as a program that somebody has taken
// over would, and prints the results.
func inside() {
	var ts tries
	ts.allowed()
	ts.files()
	ts.devices()
	ts.network()
	ts.kernel()
	if err := json.NewEncoder(os.Stdout).Encode(ts); err != nil {
		fmt.Fprintln(os.Stderr, "room:", err)
		os.Exit(1)
	}
}

func (ts *tries) allowed() {
	ts.works("read its config", func() error { return reads(configFile) })
	ts.works("read how names are looked up", func() error { return reads("/etc/hosts") })
	ts.works("write its state", func() error { return writes("/var/lib/tacet/spool") })
	ts.works("write its own /tmp", func() error { return os.WriteFile("/tmp/"+insideUnit, nil, 0o666) })
	ts.works("open the card", func() error { return opens("/dev/snd/controlC0") })
	ts.works("open the lines", func() error { return opens("/dev/gpiochip0") })
	ts.works("reach the broker", func() error { return dials("tcp", "127.0.0.1:1883") })
	ts.works("read whether there is swap", func() error { return reads("/proc/swaps") })
}

func (ts *tries) files() {
	for _, path := range []string{"/etc/mosquitto/mosquitto.conf", "/etc/ssh/sshd_config", "/etc/samba/smb.conf",
		"/etc/wpa_supplicant/bait", "/boot/firmware/bait", "/etc/shadow", "/root/office.key"} {
		ts.fails(unix.EACCES, "read "+path, func() error { return reads(path) })
	}
	for _, folder := range []string{bait + "/own", "/etc/tacet-bait", "/run/lock", "/dev"} {
		ts.fails(unix.EROFS, "write in "+folder, func() error { return writes(folder) })
	}
	ts.fails(unix.EACCES, "write in /dev/shm", func() error { return writes("/dev/shm") })
	ts.fails(unix.ENOENT, "see another user's process", func() error { return reads("/proc/1/status") })
}

func (ts *tries) devices() {
	for _, path := range []string{"/dev/video0", "/dev/input/event0", "/dev/vda", "/dev/sda", "/dev/mem", "/dev/kmsg"} {
		ts.fails(unix.ENOENT, "open "+path, func() error { return opens(path) })
	}
	for name := range baitDevices {
		ts.fails(unix.EPERM, "open the device of "+name+" under another name",
			func() error { return opens(bait + "/" + name) })
	}
}

func (ts *tries) network() {
	ts.fails(unix.EPERM, "listen on a TCP port", func() error { return listens("tcp", "127.0.0.1:0") })
	ts.fails(unix.EPERM, "receive on a UDP port", func() error { return receives("127.0.0.1:0") })
	ts.fails(unix.EAFNOSUPPORT, "make a netlink socket", func() error { return socket(unix.AF_NETLINK) })
	ts.fails(unix.EAFNOSUPPORT, "make a packet socket", func() error { return socket(unix.AF_PACKET) })
}

func (ts *tries) kernel() {
	ts.fails(unix.EPERM, "set the clock", func() error {
		return unix.ClockSettime(unix.CLOCK_REALTIME, &unix.Timespec{Sec: time.Now().Unix()})
	})
	ts.fails(unix.EPERM, "make a namespace", func() error { return unix.Unshare(unix.CLONE_NEWUSER) })
	ts.fails(unix.EPERM, "mount", func() error { return unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "") })
	ts.fails(unix.EPERM, "become root", func() error { return unix.Setuid(0) })
	ts.fails(unix.EPERM, "have memory that is written and executed", func() error {
		page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC,
			unix.MAP_PRIVATE|unix.MAP_ANON)
		if err == nil {
			err = unix.Munmap(page)
		}
		return err
	})
}

func reads(path string) error {
	_, err := os.ReadFile(path)
	return err
}

func opens(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err == nil {
		err = f.Close()
	}
	return err
}

// writes writes a file in a folder, and removes it.
func writes(folder string) error {
	path := folder + "/" + insideUnit
	err := os.WriteFile(path, []byte("x"), 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	return err
}

func dials(network, address string) error {
	conn, err := net.DialTimeout(network, address, patience)
	if err == nil {
		err = conn.Close()
	}
	return err
}

func listens(network, address string) error {
	l, err := net.Listen(network, address)
	if err == nil {
		err = l.Close()
	}
	return err
}

func receives(address string) error {
	conn, err := net.ListenPacket("udp", address)
	if err == nil {
		err = conn.Close()
	}
	return err
}

func socket(family int) error {
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = unix.Close(fd)
	}
	return err
}
