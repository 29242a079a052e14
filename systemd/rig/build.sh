#!/usr/bin/env bash
# build.sh: builds the virtual wall unit's kernel, initrd and disk image in bin/rig, or, with RIG_ARCH=arm64, those of one with an
# ARM processor in bin/rig-arm64.
#
# Everything comes from Debian packages of this machine's suite, from the mirrors in its apt configuration. Only the disk image
# needs root. A second run does nothing, unless a file that goes into the image has changed.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
own=$(dpkg --print-architecture)
arch=${RIG_ARCH:-$own}
out=${RIG_DIR:-$here/../../bin/rig${RIG_ARCH:+-$RIG_ARCH}}
mkdir -p "$out"
out=$(readlink -f "$out")
. /etc/os-release
suite=$VERSION_CODENAME
PATH=$PATH:/usr/sbin:/sbin # for depmod, which unprivileged users may not have in their PATH

# The packages of a room device (alsa-utils brings libasound2), the broker, and the office's file servers with their clients: the
# unit has no other machine to connect to.
packages=systemd,systemd-sysv,udev,dbus,openssh-server,kmod,iproute2,procps,e2fsprogs,alsa-utils,gpiod,mosquitto,mosquitto-clients,dosfstools,exfatprogs,samba,cifs-utils,nfs-kernel-server,unattended-upgrades,needrestart
modules="virtio_pci virtio_blk virtio_net virtio_rng 9p 9pnet_virtio ext4 vfat exfat nls_ascii nls_cp437 nls_utf8
  configfs gpio-sim snd-aloop snd-usb-audio xhci_pci usb_storage uas sd_mod loop overlay fuse autofs4 nf_tables
  cifs cmac ccm gcm ctr ghash-generic sha512_generic ecb nfsd nfsv4"
boot="virtio_pci virtio_blk ext4 9pnet_virtio" # for the initrd to find the disk, and for /share, whose mount does not wait for a driver

root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# step NAME NEEDS...: runs the function of that name, unless it has run before unchanged and with the same needs (files here, or
# earlier steps). Its output goes to a log.
step() {
  local name=$1 began=$SECONDS state
  shift
  state=$( (declare -f "$name"; echo "$suite $arch $packages $modules $boot"; for need; do cat "$out/state.$need" 2>/dev/null || cat "$here/$need"; done) | sha256sum)
  [ "$state" = "$(cat "$out/state.$name" 2>/dev/null)" ] && return
  if ! (set -e; cd "$out"; "$name") >"$out/log.$name" 2>&1; then
    tail -n 20 "$out/log.$name"
    echo "build: $name failed; all of it is in $out/log.$name"
    exit 1
  fi
  echo "$state" >"$out/state.$name"
  echo "build: $name, $((SECONDS - began)) s"
}

# lists is apt with lists of its own: those of this machine need not hold the other architecture.
lists() {
  local what=$1
  shift
  mkdir -p "$out"/apt/{state/lists,cache}
  "apt-$what" -o APT::Sandbox::User=root -o APT::Architectures::="$own" -o APT::Architectures::="$arch" -o Dir::State="$out/apt/state" \
    -o Dir::State::status=/dev/null -o Dir::Cache="$out/apt/cache" -o Dir::Etc::SourceList="$out/apt/sources.list" \
    -o Dir::Etc::SourceParts=/dev/null "$@"
}

debs() {
  rm -rf debs unpacked apt
  mkdir -p debs unpacked apt
  sources apt/sources.list
  lists get update -qq
  lists cache depends "linux-image-$arch:$arch" | sed -n 's/.*Depends: linux-image-\([0-9][^: ]*\).*/\1/p' | head -1 >release
  local v; v=$(cat release)
  local series; series=$(echo "$v" | cut -d. -f1,2)
  # The kernel's build tools run on this machine.
  (cd debs && lists get download "linux-image-$v:$arch" "linux-headers-$v:$arch" "linux-headers-${v%-"$arch"}-common" \
    "linux-kbuild-$series:$own" "linux-source-$series" "busybox-static:$arch")
  for deb in debs/*.deb; do dpkg-deb -x "$deb" unpacked; done
}

# gpio-sim is in the kernel's source but not in Debian's kernel: it is built as a separate module that includes irq_sim.
module() {
  local v series; v=$(cat release); series=$(echo "$v" | cut -d. -f1,2)
  local source=linux-source-$series headers=$out/unpacked/usr/src/linux-headers-$v
  rm -rf module "$source"
  tar xf "unpacked/usr/src/$source.tar.xz" "$source/drivers/gpio" "$source/kernel/irq"
  patch -p1 -d "$source" <"$here/gpio-sim.patch"
  mkdir module
  cp "$source/drivers/gpio/gpio-sim.c" module/gpio-sim-main.c
  cp "$source/drivers/gpio/gpiolib.h" module/
  cp "$source/kernel/irq/irq_sim.c" module/irq-sim.c
  printf '%s\n' 'obj-m := gpio-sim.o' 'gpio-sim-y := gpio-sim-main.o irq-sim.o' 'ccflags-y := -I$(src)' >module/Makefile
  sed -i "s|^include /usr/src/|include $out/unpacked/usr/src/|" "$headers/Makefile"
  local cross=()
  [ "$arch" = "$own" ] || cross=(ARCH="$arch" CROSS_COMPILE=aarch64-linux-gnu-)
  make -C "$headers" M="$out/module" "${cross[@]}" modules
  local extra=unpacked/lib/modules/$v/extra
  mkdir -p "$extra"
  cp module/gpio-sim.ko "$extra"
  depmod -b unpacked "$v"
}

# closure MODULE... prints the files of the modules and of their dependencies, in loading order.
closure() {
  for m; do modprobe -d "$out/unpacked" -S "$(cat release)" --show-depends "$m"; done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

initrd() {
  rm -rf initrd initrd.gz
  mkdir -p initrd/bin initrd/dev initrd/proc initrd/sys initrd/new initrd/modules
  cp unpacked/bin/busybox initrd/bin/
  cp "$here/guest/init" initrd/init
  local n=10
  for file in $(closure $boot); do cp "$file" "initrd/modules/$((n++))-$(basename "$file")"; done
  (cd initrd && find . | cpio -o -H newc --quiet | gzip -1) >initrd.gz
  cp "unpacked/boot/vmlinuz-$(cat release)" vmlinuz
  rm -f key key.pub
  ssh-keygen -q -t ed25519 -N '' -f key
}

# sources FILE writes this machine's Debian mirrors and suites, component main, without third parties.
sources() {
  awk -v RS= '/debian-archive-keyring/ {
      uri = suites = by = ""
      for (i = 1; i < NF; i++) if ($i == "URIs:") uri = $(i + 1); else if ($i == "Signed-By:") by = $(i + 1)
      for (i = 1; i <= NF && $i != "Suites:"; i++);
      while (++i <= NF && $i !~ /:$/) print "deb [signed-by=" by "] " uri " " $i " main"
    }' /etc/apt/sources.list.d/*.sources >"$1" 2>/dev/null || true
  [ -s "$1" ] || grep -h '^deb ' /etc/apt/sources.list >"$1"
}

rootfs() {
  sources sources.list
  local emulate=()
  # Debian's own installation scripts run under emulation.
  [ "$arch" = "$own" ] || emulate=("$here/../package/emulate")
  root env TMPDIR="$out" "${emulate[@]}" mmdebstrap --architectures="$arch" --skip=check/qemu --variant=minbase --mode=root --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --include="$packages" "$suite" "$out/rootfs.tar" "$out/sources.list"
}

image() {
  closure $modules >files
  root bash "$here/image.sh" "$out" "$here"
}

case $arch in
amd64) ;;
arm64) modules+=" rtc-pl031" boot+=" rtc-pl031" ;; # the virtual machine's clock
*) echo "build: there is no virtual unit for $arch"; exit 2 ;;
esac

step rootfs & # it does not need the kernel
system=$!
step debs
step module debs gpio-sim.patch
step initrd debs guest/init
wait $system
step image module initrd rootfs image.sh guest/gpio-chip guest/gpio-chip.service
