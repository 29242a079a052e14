//go:build linux

package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// stubs replace the programs that systemd/tacet-drive runs: a mounted drive is the folder $DRIVE.
const stubs = `
lsblk) case "$2" in PKNAME) echo "$DISK" ;; MOUNTPOINTS) printf '%b' "$MOUNTED" ;; esac ;;
udevadm) printf 'ID_FS_TYPE=%s\nID_FS_LABEL=%s\n' "$TYPE" "$LABEL" ;;
mount) echo "mount $*" >>"$SAID"; [ "$BROKEN" != yes ] || exit 32; eval "at=\${$#}"; cp -RP "$DRIVE/." "$at/" ;;
umount) echo "umount" >>"$SAID"; rm -rf "$1"; mkdir "$1" ;;
setpriv) echo "$*" | grep -q '^--reuid=tacet --regid=tacet --clear-groups --no-new-privs head' || exit 1; shift 4; exec "$@" ;;
systemd-mount) echo "systemd-mount $*" >>"$SAID" ;;
`

// tacet-drive mounts a drive with a mark or the label, leaves a note about any other, and never
// touches the system's own disk.
func TestWhatMountsDrives(t *testing.T) {
	script, err := filepath.Abs("../../../systemd/tacet-drive")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(script); err != nil { // so that the go command knows that this test depends on it
		t.Fatal(err)
	}
	bin := t.TempDir()
	text := "#!/bin/sh\ncase $(basename \"$0\") in" + stubs + "esac\n"
	for _, name := range []string{"lsblk", "udevadm", "mount", "umount", "setpriv", "systemd-mount"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const mark = `{"format":"tacet-drive/1","site":"s","room":"r","store":"d","id":"ABCDEFGHIJKLMNOPQRSTUVWXYZ"}`
	for name, c := range map[string]struct {
		set   string // in the environment
		mark  string
		note  string
		said  string // by what was run; "" nothing at all
		never string
	}{
		"marked": {"TYPE=exfat", mark, "",
			"--fsck=yes --property=LazyUnmount=yes --options=nosuid,nodev,noexec,noatime,uid=tacet,gid=tacet,umask=0077,errors=remount-ro /dev/sda1 /run/media/tacet/sda1", ""},
		"signed":           {"TYPE=vfat", strings.Replace(mark, "drive/1", "drive/2", 1), "", "systemd-mount", ""},
		"marked, ext4":     {"TYPE=ext4", mark, "", "mount -t ext4 -o ro,nosuid,nodev,noexec,noload /dev/sda1", ""},
		"unmarked":         {"TYPE=exfat", "", "unmarked exfat\n", "mount -t exfat -o ro,", "systemd-mount"},
		"another file":     {"TYPE=vfat", "hello", "unmarked vfat\n", "mount -t vfat -o ro,", "systemd-mount"},
		"labelled":         {"TYPE=vfat LABEL=TACET", "", "", "systemd-mount", ""},
		"another label":    {"TYPE=vfat LABEL=TACET2", "", "unmarked vfat\n", "mount", "systemd-mount"},
		"configured label": {"TYPE=vfat LABEL=KINGSTON", "", "", "systemd-mount", ""},
		"a label's part":   {"TYPE=vfat LABEL=KING", "", "unmarked vfat\n", "mount", "systemd-mount"},
		"no label's label": {"TYPE=vfat LABEL=.*", "", "unmarked vfat\n", "mount", "systemd-mount"},
		"write-protected": {"TYPE=ext4 RO=1", mark, "",
			"--fsck=no --property=LazyUnmount=yes --options=nosuid,nodev,noexec,noatime,ro,noload", ""},
		"broken":            {"TYPE=vfat BROKEN=yes", mark, "unmarked vfat\n", "mount", "systemd-mount"},
		"the system's":      {`TYPE=vfat DISK=sda MOUNTED=/boot/firmware\n/\n`, mark, "own-disk vfat\n", "", "mount"},
		"the system's, too": {`TYPE=exfat DISK=sda MOUNTED=\n/srv\\x0a/\n`, mark, "own-disk exfat\n", "", "mount"},
		"with swap":         {`TYPE=exfat MOUNTED=[SWAP]\n`, mark, "own-disk exfat\n", "", "mount"},
		"another disk's": {`TYPE=exfat DISK=sda MOUNTED=/srv/boot\n/run/media/tacet/sda2\n`, mark, "", "systemd-mount",
			""},
		"NTFS":    {"TYPE=ntfs", mark, "", "", "mount"},
		"nothing": {"", mark, "", "", "mount"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in := func(name string) string { return filepath.Join(dir, name) }
			for _, d := range []string{"notes", "drive", "sys/class/block/sda1"} {
				if err := os.MkdirAll(in(d), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			ro := "0\n"
			if strings.Contains(c.set, "RO=1") {
				ro = "1\n"
			}
			files := map[string]string{"tacet.toml": "[[store]]\n  label = \"KINGSTON\" # bought in March\n",
				"sys/class/block/sda1/ro": ro, "notes/sda1": "own-disk of before\n"}
			if c.mark != "" {
				files["drive/TACET-DRIVE.txt"] = c.mark + "\n"
			}
			for name, content := range files {
				if err := os.WriteFile(in(name), []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command("sh", script, "sda1")
			cmd.Env = append(append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TACET_NOTES="+in("notes"),
				"TACET_SYS="+in("sys"), "TACET_CONFIG="+in("tacet.toml"),
				"DRIVE="+in("drive"), "SAID="+in("said"), "DISK=", "MOUNTED=", "TYPE=", "LABEL="), strings.Fields(c.set)...)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			said, _ := os.ReadFile(in("said"))
			if c.said == "" && len(said) > 0 || !strings.Contains(string(said), c.said) || c.never != "" &&
				strings.Contains(string(said), c.never) {
				t.Errorf("it ran\n%s", said)
			}
			if strings.Contains(string(said), "\nmount") ||
				strings.Contains(strings.ReplaceAll(string(said), "systemd-mount", ""), "mount -t") &&
					!strings.Contains(string(said), "-o ro,") {
				t.Errorf("it was mounted to be written:\n%s", said)
			}
			note, err := os.ReadFile(in("notes/sda1"))
			if want := c.note; want != "" && string(note) != want || strings.Contains(string(said), "systemd-mount") &&
				err == nil {
				t.Errorf("the note says %q (%v), want %q", note, err, want)
			}
			if left, _ := filepath.Glob(in("notes/.look*")); len(left) > 0 && name != "broken" {
				t.Errorf("%v are left", left)
			}
		})
	}
	for _, bad := range []string{"", "../sda", "sda1/..", "sda 1", "-x", "$(id)"} {
		cmd := exec.Command("sh", script, bad)
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TACET_NOTES="+t.TempDir())
		if err := cmd.Run(); err == nil {
			t.Errorf("%q is taken for a device", bad)
		}
	}
}
