package main

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tacet/cmd/internal/cli"
	"tacet/daemon/store/local/mounts/mountstest"
	"tacet/daemon/trust"
	"tacet/systemd/needs"
)

// The unit's own file, and whose it is: said here once more, since other programs and people rely on
// it.
const rootsFile = "/etc/tacet/confirmed"

// as runs f on a thread that has the rights of another user and nobody else's. The thread ends with
// it.
func as(t *testing.T, user, group int, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		for _, call := range [][4]uintptr{{unix.SYS_SETGROUPS}, {unix.SYS_SETRESGID, uintptr(group), uintptr(group),
			uintptr(group)}, {unix.SYS_SETRESUID, uintptr(user), uintptr(user), uintptr(user)}} {
			if _, _, errno := syscall.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
				t.Errorf("become user %d: %v", user, errno)
				return
			}
		}
		f()
	}()
	<-done
}

// whatIsNew makes a unit's report of something new, and returns flags that name it.
func whatIsNew(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	config := strings.Replace(minimal, "RECIPIENT", newRecipient(t), 1)
	report := `{"pid":1,"phase":"idle","unit_key":"tacet/site/room-3+0123abcd+AQ==","unconfirmed":{` +
		`"ledger":"tacet/site/room-3/ledger/0123456789abcdef","trusted":["000102030405060708090a0b0c0d0e0f"],` +
		`"recipients":["` + newRecipient(t) + `"]}}`
	for name, text := range map[string]string{"unit.toml": config, statusFile: report} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"-config", filepath.Join(dir, "unit.toml"), "-state", dir, "-run", dir}
}

const minimal = `[room]
site = "site"
id = "room-3"
[[button]]
line = "GPIO5"
[light]
line = "GPIO27"
[encrypt]
recipients = ["RECIPIENT"]
[audio]
device = "hw:CARD=Device,DEV=0"
`

// Nobody but root confirms anything at an installed unit.
func TestOnlyRootConfirms(t *testing.T) {
	flags := whatIsNew(t)
	refused := func() {
		var out strings.Builder
		err := confirm(&cli.Env{Name: "tacetd", Ctx: t.Context(), Stdin: strings.NewReader("room-3\n"), Stdout: &out,
			Stderr: &out}, flags)
		if err == nil || !strings.Contains(err.Error(), "only root") || out.Len() > 0 {
			t.Errorf("another user confirms: %v, %s", err, out.String())
		}
	}
	if os.Geteuid() != 0 {
		refused()
	} else {
		as(t, 60998, 60999, refused)
	}
}

// What root confirms is where the service looks for it, and root's. The service, with the rights that
// the package gives it, reads it and can't change it.
func TestConfirmedIsRootsFile(t *testing.T) {
	needs.Root(t, "to be root, and the service's user")
	if !mountstest.Namespaced(t) {
		return
	}
	var s service
	s.define(flag.NewFlagSet("tacetd", flag.ContinueOnError))
	if s.confirmed != rootsFile || s.owner != 0 {
		t.Errorf("the service reads %s of user %d", s.confirmed, s.owner)
	}
	flags := whatIsNew(t)
	if err := unix.Mount("tmpfs", "/etc", "tmpfs", 0, "mode=755"); err != nil {
		needs.Kernel(t, "to mount a tmpfs", err)
	}
	const user, group = 60998, 60999
	if err := errors.Join(os.Mkdir("/etc/tacet", 0o700), os.Chown("/etc/tacet", 0, group),
		os.Chmod("/etc/tacet", installedMode(t, "/etc/tacet"))); err != nil {
		t.Fatal(err)
	}
	defer syscall.Umask(syscall.Umask(0o077)) // root's may be as strict
	var out strings.Builder
	if err := confirm(&cli.Env{Name: "tacetd", Ctx: t.Context(), Stdin: strings.NewReader("room-3\n"), Stdout: &out,
		Stderr: &out}, flags); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	info, err := os.Stat(rootsFile)
	if err != nil || info.Mode() != 0o644 || info.Sys().(*syscall.Stat_t).Uid != 0 {
		t.Fatalf("root's file is %v (%v)", info, err)
	}
	as(t, user, group, func() { readsOnly(t) })
}

// readsOnly tries to change root's file in every way.
func readsOnly(t *testing.T) {
	c, err := trust.ReadConfirmation(rootsFile, 0)
	if err != nil || c == nil || len(c.Recipients) != 2 {
		t.Errorf("the service reads %+v, %v", c, err)
	}
	open := func(name string, flags int) error {
		f, err := os.OpenFile(name, flags, 0o644)
		if err == nil {
			f.Close()
		}
		return err
	}
	for what, err := range map[string]error{
		"write":   open(rootsFile, os.O_WRONLY),
		"append":  open(rootsFile, os.O_WRONLY|os.O_APPEND),
		"empty":   os.Truncate(rootsFile, 0),
		"chmod":   os.Chmod(rootsFile, 0o666),
		"chown":   os.Chown(rootsFile, os.Geteuid(), -1),
		"add to":  open(rootsFile+".new", os.O_WRONLY|os.O_CREATE),
		"replace": os.Rename("/etc/tacet", "/etc/another"),
		"link":    os.Link(rootsFile, "/etc/tacet/second"),
		"move":    os.Rename(rootsFile, "/etc/tacet/moved"),
		"remove":  os.Remove(rootsFile),
	} {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("the service can %s it: %v", what, err)
		}
	}
}

// installedMode returns the mode that the package gives to a folder, which is root's and of the
// group tacet.
func installedMode(t *testing.T, folder string) fs.FileMode {
	t.Helper()
	text, err := os.ReadFile("../../systemd/tacet.tmpfiles")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^d ` + folder + ` +([0-7]{4}) root +tacet$`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("%s is not root's and of the group tacet", folder)
	}
	mode, err := strconv.ParseUint(string(m[1]), 8, 32)
	if err != nil {
		t.Fatal(err)
	}
	return fs.FileMode(mode)
}
