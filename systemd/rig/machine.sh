#!/usr/bin/env bash
# machine.sh COMMAND: controls the virtual wall unit that build.sh has made.
#
#   start [fresh]   start it; fresh: with new disks
#   wait            wait until it can be reached
#   ssh COMMAND     run a command in it
#   stop            shut it down
#   reboot          shut it down and start it again
#   cut             cut the power: whatever its disk has not flushed is lost
#   plug PORT FILE HOW   plug in a thumb drive whose content is FILE; PORT is any word, HOW is rw, ro (write-protected) or
#                   volatile: like the unit's disk, it loses what is not flushed when it is unplugged or the power is cut
#   yank PORT       unplug it without warning
#   serve           follow the requests in SHARE/please, line by line: "plug PORT FILE HOW" or "yank PORT", until the machine has
#                   ended; FILE is in bin/rig/sticks
#
# With CARD=IMAGE the unit is a Raspberry Pi whose SD card has IMAGE, a FAT file system, as its boot partition: the unit's fstab mounts
# it. The words of its cmdline.txt are added to the kernel's command line at each start, as the firmware does. Then the root disk loses
# what is not flushed too. A reboot ends the machine; "start" then boots it again. BASE is another disk image to begin with.
#
# SHARE (default bin/rig/share/run) is the folder that the unit sees as /share. RIG_RUN (default bin/rig/run) holds the disks and the
# state of one machine, so that there can be several. RIG_ARCH=arm64 is a unit with an ARM processor, in bin/rig-arm64.
# RIG_ACCEL=kvm uses this machine's own processor instead of emulating one. RIG_PRIORITY=0 takes no priority over other work. The network connects only this machine with the unit's ssh port.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
rig=$(readlink -f "${RIG_DIR:-$here/../../bin/rig${RIG_ARCH:+-$RIG_ARCH}}")
PATH=$PATH:/usr/sbin:/sbin # for mkfs, which unprivileged users may not have in their PATH
run=${RIG_RUN:-$rig/run}
share=${SHARE:-$rig/share/run}
mkdir -p "$run" "$share"

reach() {
  ssh -q -i "$rig/key" -p "$(cat "$run/port")" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 \
    -o ServerAliveInterval=5 -o ControlMaster=auto -o ControlPath="$run/ssh" -o ControlPersist=600 root@127.0.0.1 "$@"
}
alive() { [ -f "$run/pid" ] && kill -0 "$(cat "$run/pid")" 2>/dev/null; }
monitor() { echo "$1" | socat -t 2 - "UNIX-CONNECT:$run/monitor" | tr -d '\r' | grep -v '^QEMU \|^(qemu)' || true; }
gone() { rm -f "$run/pid" "$run/ssh"; }

# volatile NAME FILE: a disk that loses what was not flushed.
volatile() {
  local disk=$run/disk-$1
  rm -f "$disk.sock"
  setsid "$rig/volatile" "$2" "$disk.sock" "${KEEP:-30}" >"$disk.log" 2>&1 &
  echo $! >"$disk.pid"
  first $! 2>/dev/null || true
  until [ -S "$disk.sock" ]; do kill -0 $! || { cat "$disk.log"; exit 1; }; sleep 0.1; done
}
# firmware CARD prints what a Raspberry Pi's firmware adds to the kernel's command line. Console and root disk are the rig's own.
firmware() { mtype -i "$1" ::cmdline.txt | tr -d '\r\n' | tr ' ' '\n' | grep -v '^console=\|^root' | tr '\n' ' '; }
# lose NAME SIGNAL: cuts the power of a disk, and prints its log.
lose() {
  local disk=$run/disk-$1 n=0 pid
  [ -f "$disk.pid" ] || return 0
  pid=$(cat "$disk.pid")
  rm -f "$disk.pid"
  kill -s "${2:-USR1}" "$pid" || return 0
  while kill -0 "$pid" 2>/dev/null && [ $((n++)) -lt 160 ]; do sleep 0.05; done
  sed "s/^/$1: /" "$disk.log"
}

start() {
  alive && { echo "it runs already"; exit 1; }
  gone
  if [ "${1:-}" = fresh ] || [ ! -f "$run/root.qcow2" ]; then
    rm -f "$run/root.qcow2" "$run/root.img" "$run/state.img"
    qemu-img create -q -f qcow2 -b "${BASE:-$rig/base.qcow2}" -F qcow2 "$run/root.qcow2"
    [ -z "${CARD:-}" ] || qemu-img convert -O raw "$run/root.qcow2" "$run/root.img"
    truncate -s 16G "$run/state.img" # sparse; more than a day of WAV
    mkfs.ext4 -q -F -L state -E lazy_itable_init=1 "$run/state.img"
  fi
  volatile state "$run/state.img"
  local system="file=$run/root.qcow2,format=qcow2,cache=unsafe" card=() words=
  if [ -n "${CARD:-}" ]; then
    words=$(firmware "$CARD")
    volatile root "$run/root.img"
    volatile card "$CARD"
    system="file=nbd+unix:///?socket=$run/disk-root.sock,format=raw,cache=writeback"
    card=(-drive "if=virtio,file=nbd+unix:///?socket=$run/disk-card.sock,format=raw,cache=writeback")
  fi
  echo $((20000 + RANDOM % 10000)) >"$run/port"
  local qemu processor console
  case ${RIG_ARCH:-$(dpkg --print-architecture)} in
  arm64) qemu=(qemu-system-aarch64 -M virt) processor=cortex-a72 console="console=ttyAMA0" ;;
  *) qemu=(qemu-system-x86_64 -M q35) processor=qemu64 console="console=ttyS0 nokaslr tsc=reliable no_timer_check" ;;
  esac
  # A session of its own has its own share of the processors, with priority if possible: an emulated processor that has to wait
  # loses samples, which a real one does not.
  setsid "${qemu[@]}" -accel "${RIG_ACCEL:-tcg,thread=multi}" -cpu "${CPU:-$processor}" -smp "${SMP:-2}" -m "${MEM:-1024}" \
    -kernel "$rig/vmlinuz" -initrd "$rig/initrd.gz" \
    -append "$console root=/dev/vda rw quiet mitigations=off net.ifnames=0 systemd.show_status=0 audit=0 panic=-1 $words" \
    -drive if=virtio,"$system" \
    -drive if=virtio,file=nbd+unix:///?socket="$run/disk-state.sock",format=raw,cache=writeback "${card[@]}" \
    -netdev user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:"$(cat "$run/port")"-:22 -device virtio-net-pci,netdev=n0,romfile= \
    -virtfs local,path="$share",mount_tag=share,security_model=none \
    -device virtio-rng-pci -device qemu-xhci,id=xhci \
    -monitor unix:"$run/monitor",server=on,wait=off \
    -serial file:"$run/console.log" -display none -vga none -no-reboot >"$run/qemu.log" 2>&1 &
  echo $! >"$run/pid"
  first $! 2>/dev/null || true
}

# first PID: gives the session of a process priority. Only root may; it is not essential.
first() {
  until [ "$(ps -o sid= -p "$1" | tr -d ' ')" = "$1" ]; do sleep 0.05; kill -0 "$1" || return; done
  echo "${RIG_PRIORITY:--15}" >"/proc/$1/autogroup"
}

wait_for() {
  local until=$((SECONDS + ${BOOT_TIME:-240}))
  until reach true 2>/dev/null; do
    alive || { echo "it does not run:"; cat "$run/qemu.log"; exit 1; }
    [ $SECONDS -lt $until ] || { echo "it can't be reached; its console says:"; tail -20 "$run/console.log"; exit 1; }
    sleep 0.5
  done
}

stop() {
  if alive; then
    reach poweroff || true
    local n=0
    while alive && [ $((n++)) -lt 120 ]; do sleep 0.5; done
    alive && kill -9 "$(cat "$run/pid")"
  fi
  for disk in "$run"/disk-*.pid; do
    [ -f "$disk" ] || continue
    kill "$(cat "$disk")" 2>/dev/null || true
    for _ in {1..160}; do kill -0 "$(cat "$disk")" 2>/dev/null || break; sleep 0.05; done # it writes its cache
    rm -f "$disk"
  done
  gone
}

# Flushed data must survive a kill of this machine, but not of the computer. So nothing waits for the real disk (cache=unsafe), which
# others keep busy. volatile decides what a power cut costs.
plug() {
  local port=$1 file=$2 cache=unsafe
  case ${3:-rw} in
  volatile)
    volatile "$port" "$file"
    file=nbd+unix:///?socket=$run/disk-$port.sock cache=writeback
    ;;
  ro) file=$(readlink -f "$file"),readonly=on ;;
  *) file=$(readlink -f "$file") ;;
  esac
  monitor "drive_add 0 if=none,id=$port,format=raw,cache=$cache,file=$file"
  monitor "device_add usb-storage,id=plug-$port,drive=$port,bus=xhci.0,removable=on"
}
yank() {
  lose "$1"
  monitor "device_del plug-$1"
}

serve() {
  local what port file how
  while alive; do
    if [ -f "$share/please" ]; then
      while read -r what port file how; do
        case $what in
        plug) plug "$port" "$rig/sticks/$file" "$how" ;;
        yank) yank "$port" ;;
        esac
      done <"$share/please" >"$share/said" 2>&1
      rm -f "$share/please"
    fi
    sleep 0.1
  done
}

case ${1:-} in
start) start "${2:-}" ;;
wait) wait_for ;;
ssh) shift; reach "$@" ;;
stop) stop ;;
reboot) stop; start; wait_for ;;
cut)
  # Just after a write to one of the disks; then the other disk and the machine lose their power.
  disks=("$run"/disk-*.pid)
  first=${disks[RANDOM % ${#disks[@]}]##*/disk-}
  lose "${first%.pid}" USR2
  for disk in "$run"/disk-*.pid; do
    [ -f "$disk" ] || continue
    disk=${disk##*/disk-}
    lose "${disk%.pid}" &
  done
  sleep 0.02
  kill -9 "$(cat "$run/pid")"
  wait
  gone
  ;;
plug) plug "$2" "$3" "${4:-rw}" ;;
yank) yank "$2" ;;
serve) serve ;;
*) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
