package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// servers are the file servers, which run in the unit itself, with their mounts.
var servers = []struct{ store, point, source, kind, options string }{
	{"smb", "/mnt/smb", "//127.0.0.1/office", "cifs", "guest,uid=tacet,gid=tacet,file_mode=0600,dir_mode=0700"},
	{"nfs", "/mnt/nfs", "127.0.0.1:/srv/nfs", "nfs4", "hard"},
}

// hangTime is how long the servers hang.
func hangTime() time.Duration {
	d, _ := time.ParseDuration(cmp.Or(os.Getenv("RIG_HANG"), "45s"))
	return d
}

// shares tests copies to a Samba and an NFS server.
func shares(r *room) {
	r.check("a Samba and an NFS share are mounted, and get what is recorded", r.toShares)
	r.check("both servers hang, and with them the mounts: recording, the other store and the stop are unharmed; "+
		"then they get all",
		r.hang)
}

const (
	smbConf = `[global]
server role = standalone server
map to guest = Bad User
disable netbios = yes
smb ports = 445
interfaces = lo
bind interfaces only = yes
[office]
path = /srv/smb
guest ok = yes
read only = no
force user = tacet
`
	other = "/srv/other"
)

func (r *room) toShares() error {
	stores := "[[store]]\nname = \"other\"\nkind = \"folder\"\npath = \"" + other + "\"\nunmounted_ok = true\n"
	for _, o := range servers {
		stores += fmt.Sprintf("[[store]]\nname = \"%s\"\nkind = \"folder\"\npath = \"%s\"\n", o.store, o.point)
	}
	err := steps(
		func() error {
			_, err := run("sh", "-ec", `mkdir -p /srv/smb /srv/nfs /srv/other /mnt/smb /mnt/nfs
				chown tacet:tacet /srv/smb /srv/nfs /srv/other
				echo '/srv/nfs 127.0.0.1(rw,sync,no_subtree_check,no_root_squash,fsid=1)' >/etc/exports`)
			return err
		},
		func() error { return os.WriteFile("/etc/samba/smb.conf", []byte(smbConf), 0o644) },
		func() error { _, err := run("systemctl", "start", "smbd", "nfs-server"); return err },
		func() error {
			for _, o := range servers {
				if _, err := run("mount", "-t", o.kind, "-o", o.options, o.source, o.point); err != nil {
					return err
				}
			}
			return nil
		},
		setting{parties: 1, codec: "wav", release: "never", stores: stores}.write,
		r.start,
		r.storesWell,
		func() error { // the earlier ones
			_, err := until("nothing is left to copy", time.Minute,
				func() bool { s := status(); return s.PID != 0 && s.Pending == 0 })
			return err
		},
	)
	if err != nil {
		return err
	}
	file, err := r.record(3*time.Second, patient)
	if err != nil {
		return err
	}
	return r.held(file, "other", "smb", "nfs")
}

// held checks that stores hold a recording. It reads the servers' folders, since a hanging mount
// would block.
func (r *room) held(file string, stores ...string) error {
	start := time.Now()
	for _, store := range stores {
		ledger := func() string { data, _ := os.ReadFile("/var/lib/tacet/ledger"); return string(data) }
		id := strings.TrimSuffix(file[strings.LastIndexByte(file, '_')+1:], ".tacet")
		_, err := until(fmt.Sprintf("the ledger says that %s holds %s", store, id), 4*time.Minute, func() bool {
			for line := range strings.Lines(ledger()) {
				if strings.Contains(line, `"copied"`) && strings.Contains(line, id) && strings.Contains(line, `"`+store+`"`) {
					return true
				}
			}
			return false
		})
		if err != nil {
			return fmt.Errorf("%w; it says %+v", err, status().Warnings)
		}
		if _, err := run("cmp", file, filepath.Join("/srv", store, filepath.Base(file))); err != nil {
			return err
		}
	}
	r.note("held by %s %v after the end", strings.Join(stores, ", "), time.Since(start).Round(100*time.Millisecond))
	return nil
}

// hang makes both servers hang and resume.
func (r *room) hang() error {
	suspend := func() error {
		_, err := run("sh", "-ec", "systemctl kill -s STOP smbd; echo 0 >/proc/fs/nfsd/threads")
		return err
	}
	resume := func() error {
		_, err := run("sh", "-ec", "systemctl kill -s CONT smbd; echo 8 >/proc/fs/nfsd/threads")
		return err
	}
	defer resume()
	pid := mainPID()
	if err := suspend(); err != nil {
		return err
	}
	start := time.Now()
	first, err := r.record(min(hangTime(), 5*time.Minute), patient)
	if err != nil {
		return err
	}
	if err := warnedOfHang(); err != nil {
		return err
	}
	r.note("both are reported at most %v after they hung, which they did for %v", time.Since(start).Round(time.Second),
		hangTime())
	pause(hangTime() - time.Since(start))
	second, err := r.record(3*time.Second, patient)
	if err != nil {
		return err
	}
	if err := steps(func() error { return r.held(first, "other") }, func() error { return r.held(second, "other") },
		func() error { return samePID(pid) }); err != nil {
		return err
	}
	if err := steps(r.stopService, r.start); err != nil {
		return err
	}
	third, err := r.record(3*time.Second, patient)
	if err != nil {
		return err
	}
	if err := resume(); err != nil {
		return err
	}
	for _, file := range []string{first, second, third} {
		if err := r.held(file, "smb", "nfs"); err != nil {
			return err
		}
	}
	return r.storesWell()
}

func warnedOfHang() error {
	for _, o := range servers {
		if _, err := until("store-hung for "+o.store, patience,
			func() bool { return status().warnsOf("store-hung", o.store) }); err != nil {
			return fmt.Errorf("%w; it says %+v", err, status().Warnings)
		}
	}
	return nil
}

// stopService stops the service, which must end by itself.
func (r *room) stopService() error {
	start := time.Now()
	if _, err := run("systemctl", "stop", "tacetd"); err != nil {
		return err
	}
	r.note("SIGTERM to its end: %v", time.Since(start).Round(100*time.Millisecond))
	result, err := run("systemctl", "show", "-p", "Result", "-p", "ExecMainStatus", "tacetd")
	if err != nil || !strings.Contains(result, "Result=success") || !strings.Contains(result, "ExecMainStatus=0") {
		return fmt.Errorf("it did not end by itself: %s %w", result, err)
	}
	return nil
}
