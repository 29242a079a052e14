package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// confined tries the service's sandbox: that nothing which it needs is shut out, whether it was
// plugged in before the service started or after, and that everything else is.
func confined(r *room) {
	r.check("under the sandbox: drives plugged in before the start and after it are written to", r.drivesAround)
	r.check("under the sandbox: a card plugged in after the start is recorded from", r.cardAfter)
	r.check("from inside the sandbox: no other service's config, no camera, input or block device, no file outside, no port",
		r.fromInside)
}

// drivesAround plugs drives in before the service starts and after, and records to all.
func (r *room) drivesAround() error {
	if err := r.marks(); err != nil {
		return err
	}
	broker, err := subscribe()
	if err != nil {
		return err
	}
	defer broker.stop()
	err = steps(
		func() error { _, err := run("systemctl", "stop", "tacetd"); return err },
		func() error { return plugOne("vfat") },
		func() error { return plugOne("exfat") },
		r.start,
		func() error { return plugOne("ext4") },
		r.storesWell,
	)
	if err != nil {
		return err
	}
	file, err := r.record(5*time.Second, patient)
	if err != nil {
		return err
	}
	if err := r.copied(broker, file, patience+time.Minute); err != nil {
		return err
	}
	return yank()
}

func plugOne(kind string) error {
	if err := please(fmt.Sprintf("plug %s own-%[1]s.img rw\n", kind)); err != nil {
		return err
	}
	_, err := until("the drive with "+kind+" is mounted", inserted, func() bool { _, ok := mounted(kind); return ok })
	return err
}

// cardAfter starts the service without a card, and without a card's driver. Even the folder of the
// cards has nothing but what udev and systemd-tmpfiles have made at boot.
func (r *room) cardAfter() error {
	err := steps(
		setting{parties: 1, codec: "wav", release: "never"}.write,
		func() error { _, err := run("systemctl", "stop", "tacetd"); return err },
		func() error { _, err := run("modprobe", "-r", "snd_aloop", "snd_timer"); return err },
		keepTime,
		func() error { _, err := run("systemctl", "start", "tacetd"); return err },
		func() error {
			_, err := until("the unit misses its microphone", patience, func() bool { return status().Mic == "missing" })
			return err
		},
		func() error { _, err := run("modprobe", "snd_aloop"); return err },
		func() error {
			_, err := until("the unit has found its microphone", patience, func() bool { return status().Mic == "ok" })
			return err
		},
		idle,
	)
	if err != nil {
		return fmt.Errorf("%w; it says %+v", err, status())
	}
	_, err = r.record(2*time.Second, patient)
	return err
}

const (
	insideUnit = "tacet-inside"
	insideSaid = "/run/tacet-inside.json"
	// bait holds what the service's user could use, if it could reach it.
	bait = "/var/lib/tacet-bait"
)

// fromInside runs this program in the service's sandbox: a copy of the service's unit, with another
// program to start.
func (r *room) fromInside() error {
	const dir = "/run/systemd/system/"
	unit, err := run("cat", "/usr/lib/systemd/system/tacetd.service")
	if err != nil {
		return err
	}
	err = steps(
		func() error { return os.MkdirAll(dir+insideUnit+".service.d", 0o755) },
		func() error { return os.WriteFile(dir+insideUnit+".service", []byte(unit+"\n"), 0o644) },
		func() error {
			return os.WriteFile(dir+insideUnit+".service.d/inside.conf", []byte("[Service]\nType=oneshot\nRestart=no\n"+
				"WatchdogSec=0\nRuntimeDirectory=\nExecReload=\nExecStopPost=\nExecStart=\nExecStart=/share/room inside\n"+
				"StandardOutput=truncate:"+insideSaid+"\n"), 0o644)
		},
		layBait,
		func() error { _, err := run("systemctl", "daemon-reload"); return err },
		func() error { _, err := run("systemctl", "start", insideUnit); return err },
	)
	if err != nil {
		log, _ := run("journalctl", "-q", "-n", "20", "--no-hostname", "-o", "short", "-u", insideUnit)
		return fmt.Errorf("%w\n%s", err, log)
	}
	data, err := os.ReadFile(insideSaid)
	if err != nil {
		return err
	}
	var tried tries
	if err := json.Unmarshal(data, &tried); err != nil {
		return err
	}
	if len(tried) == 0 {
		return errors.New("it tried nothing")
	}
	for _, t := range tried {
		if problem := t.judge(); problem != "" {
			err = errors.Join(err, errors.New(problem))
		}
	}
	if _, here := os.Lstat("/tmp/" + insideUnit); here == nil {
		err = errors.Join(err, errors.New("what it wrote into /tmp is in everybody's"))
	}
	r.note("%d tries", len(tried))
	return err
}

// layBait makes what nothing but the sandbox keeps the service's user from: folders of its own,
// configs that everybody may read, and devices that everybody may open, under other names.
func layBait() error {
	_, err := run("sh", "-c", strings.Join([]string{
		"mkdir -p " + bait + "/own /etc/tacet-bait /etc/wpa_supplicant /boot/firmware",
		"chown tacet " + bait + "/own /etc/tacet-bait",
		"touch /etc/wpa_supplicant/bait /boot/firmware/bait",
		"chmod 644 /etc/wpa_supplicant/bait /boot/firmware/bait",
	}, " && "))
	if err != nil {
		return err
	}
	for name, device := range baitDevices {
		path := bait + "/" + name
		os.Remove(path)
		if err := unix.Mknod(path, device.mode|0o666, int(device.number)); err != nil {
			return fmt.Errorf("make the device %s: %w", path, err)
		}
		if err := os.Chmod(path, 0o666); err != nil { // whatever the umask is
			return err
		}
	}
	return nil
}

// baitDevices are devices by their numbers, which are the same on every Linux, but for the disk's.
var baitDevices = map[string]struct {
	mode   uint32
	number uint64
}{
	"camera": {unix.S_IFCHR, unix.Mkdev(81, 0)},
	"input":  {unix.S_IFCHR, unix.Mkdev(13, 64)},
	"memory": {unix.S_IFCHR, unix.Mkdev(1, 1)},
	"kmsg":   {unix.S_IFCHR, unix.Mkdev(1, 11)},
	"disk":   {unix.S_IFBLK, unix.Mkdev(254, 0)},
	"stick":  {unix.S_IFBLK, unix.Mkdev(8, 0)},
}
