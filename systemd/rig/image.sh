#!/usr/bin/env bash
# image.sh OUT HERE: the last step of build.sh, and the only one that runs as root: turns OUT/rootfs.tar into OUT/base.qcow2.
set -euo pipefail
out=$1 here=$2
cd "$out"
release=$(cat release)
rm -rf root base.raw
mkdir root
trap 'rm -rf "$out/root" "$out/base.raw"' EXIT
tar -C root -xpf rootfs.tar

modules=root/lib/modules/$release
mkdir -p "$modules"
cp "unpacked/lib/modules/$release"/modules.{order,builtin,builtin.modinfo} "$modules"
while read -r file; do
  to=$modules/${file#*"/lib/modules/$release/"}
  mkdir -p "$(dirname "$to")"
  cp "$file" "$to"
done <files
/sbin/depmod -b root "$release"
printf '%s\n' configfs gpio-sim snd-aloop >root/etc/modules-load.d/rig.conf
echo 'options snd-aloop index=0 pcm_substreams=2 id=Loopback' >root/etc/modprobe.d/rig.conf

echo wall-unit >root/etc/hostname
echo '127.0.0.1 localhost wall-unit' >root/etc/hosts
cat >root/etc/fstab <<'S'
/dev/vda / ext4 rw,noatime 0 1
LABEL=state /var/lib/tacet ext4 rw,noatime,noinit_itable,x-systemd.device-timeout=60 0 2
share /share 9p trans=virtio,version=9p2000.L,msize=262144,nofail,x-systemd.device-timeout=20 0 0
S
mkdir -p root/share root/var/lib/tacet root/etc/rig root/var/log/journal root/root/.ssh
cat key.pub >root/root/.ssh/authorized_keys
chmod 700 root/root/.ssh
chmod 600 root/root/.ssh/authorized_keys
rm -f root/etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -f root/etc/ssh/ssh_host_ed25519_key
printf '%s\n' 'PermitRootLogin prohibit-password' 'HostKey /etc/ssh/ssh_host_ed25519_key' 'UsePAM no' 'UseDNS no' >root/etc/ssh/sshd_config.d/rig.conf
cat >root/etc/systemd/network/10-rig.network <<'S'
[Match]
Type=ether
[Network]
Address=10.0.2.15/24
LinkLocalAddressing=no
IPv6AcceptRA=no
[Link]
RequiredForOnline=no
S
echo 0123456789abcdef0123456789abcdef >root/etc/machine-id
# A journal that survives reboots and power cuts, to be read after a failure.
mkdir -p root/etc/systemd/journald.conf.d
printf '[Journal]\nStorage=persistent\nRateLimitIntervalSec=0\n' >root/etc/systemd/journald.conf.d/rig.conf

units=root/etc/systemd/system
mkdir -p "$units/multi-user.target.wants" "$units/sysinit.target.wants"
ln -sf /lib/systemd/system/multi-user.target "$units/default.target"
for unit in systemd-networkd ssh mosquitto; do ln -sf "/lib/systemd/system/$unit.service" "$units/multi-user.target.wants/"; done
cp "$here/guest/gpio-chip.service" "$units/"
ln -sf ../gpio-chip.service "$units/sysinit.target.wants/"
# The scenes start the file servers.
rm -f "$units"/*.wants/{smbd,nmbd,samba-ad-dc,nfs-server,nfs-blkmap,rpcbind,rpc-statd}.* "$units"/*.wants/nfs-client.target
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer \
  getty@tty1.service systemd-networkd-wait-online.service systemd-pstore.service systemd-timesyncd.service \
  systemd-binfmt.service nmbd.service samba-ad-dc.service winbind.service; do
  ln -sf /dev/null "$units/$unit"
done
install -m 755 "$here/guest/gpio-chip" root/usr/local/bin/

truncate -s 1536M base.raw
mkfs.ext4 -q -F -L root -E lazy_itable_init=0,lazy_journal_init=0 -d root base.raw
qemu-img convert -c -O qcow2 base.raw base.new # a running machine may still use the old one
mv base.new base.qcow2
