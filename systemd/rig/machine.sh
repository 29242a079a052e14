#!/usr/bin/env bash
# machine.sh COMMAND: the virtual wall unit that build.sh has made.
#
#   start [fresh]   start it; fresh: with new disks
#   wait            until it can be reached
#   ssh COMMAND     run a command in it
#   stop            shut it down
#   reboot          the same, and start again
#   cut             cut the power: what its disk's write cache held, and nobody had flushed, is lost
#   plug FILE       insert a thumb drive whose content is FILE
#   yank            pull it out, without a word
#
# SHARE (default bin/rig/share) is the folder that the unit sees as /share. The network reaches nothing but the unit's ssh
# port, from this machine.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
rig=$(readlink -f "${RIG_DIR:-$here/../../bin/rig}")
run=$rig/run
share=${SHARE:-$rig/share}
mkdir -p "$run" "$share"

reach() {
  ssh -q -i "$rig/key" -p "$(cat "$run/port")" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 \
    -o ServerAliveInterval=5 -o ControlMaster=auto -o ControlPath="$run/ssh" -o ControlPersist=600 root@127.0.0.1 "$@"
}
alive() { [ -f "$run/pid" ] && kill -0 "$(cat "$run/pid")" 2>/dev/null; }
monitor() { echo "$1" | socat -t 2 - "UNIX-CONNECT:$run/monitor" | tr -d '\r' | grep -v '^QEMU \|^(qemu)' || true; }
gone() { rm -f "$run/pid" "$run/ssh"; }

start() {
  alive && { echo "it runs already"; exit 1; }
  gone
  if [ "${1:-}" = fresh ] || [ ! -f "$run/root.qcow2" ]; then
    rm -f "$run/root.qcow2" "$run/state.img"
    qemu-img create -q -f qcow2 -b "$rig/base.qcow2" -F qcow2 "$run/root.qcow2"
    truncate -s 16G "$run/state.img" # sparse; more than a day of WAV
    /sbin/mkfs.ext4 -q -F -L state -E lazy_itable_init=1 "$run/state.img"
  fi
  rm -f "$run/state.sock"
  "$rig/volatile" "$run/state.img" "$run/state.sock" "${KEEP:-30}" >"$run/volatile.log" 2>&1 &
  echo $! >"$run/volatile.pid"
  until [ -S "$run/state.sock" ]; do kill -0 $! || { cat "$run/volatile.log"; exit 1; }; sleep 0.1; done
  echo $((20000 + RANDOM % 10000)) >"$run/port"
  qemu-system-x86_64 -accel tcg,thread=multi -cpu "${CPU:-qemu64}" -M q35 -smp "${SMP:-2}" -m "${MEM:-1024}" \
    -kernel "$rig/vmlinuz" -initrd "$rig/initrd.gz" \
    -append "console=ttyS0 root=/dev/vda rw quiet mitigations=off nokaslr tsc=reliable no_timer_check net.ifnames=0 systemd.show_status=0 audit=0 panic=-1" \
    -drive if=virtio,file="$run/root.qcow2",format=qcow2,cache=writeback \
    -drive if=virtio,file=nbd+unix:///?socket="$run/state.sock",format=raw,cache=writeback \
    -netdev user,id=n0,restrict=on,hostfwd=tcp:127.0.0.1:"$(cat "$run/port")"-:22 -device virtio-net-pci,netdev=n0,romfile= \
    -virtfs local,path="$share",mount_tag=share,security_model=none \
    -device virtio-rng-pci -device qemu-xhci,id=xhci \
    -monitor unix:"$run/monitor",server=on,wait=off \
    -serial file:"$run/console.log" -display none -vga none -no-reboot >"$run/qemu.log" 2>&1 &
  echo $! >"$run/pid"
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
  alive || return 0
  reach poweroff || true
  local n=0
  while alive && [ $((n++)) -lt 120 ]; do sleep 0.5; done
  alive && kill -9 "$(cat "$run/pid")"
  kill "$(cat "$run/volatile.pid")" 2>/dev/null || true
  gone
}

case ${1:-} in
start) start "${2:-}" ;;
wait) wait_for ;;
ssh) shift; reach "$@" ;;
stop) stop ;;
reboot) stop; start; wait_for ;;
cut)
  kill -USR1 "$(cat "$run/volatile.pid")" # the disk first, as it was at this moment
  kill -9 "$(cat "$run/pid")"
  sleep 0.3
  cat "$run/volatile.log"
  gone
  ;;
plug)
  monitor "drive_add 0 if=none,id=stick,format=raw,file=$(readlink -f "$2")"
  monitor "device_add usb-storage,id=stick-plug,drive=stick,bus=xhci.0,removable=on"
  ;;
yank) monitor "device_del stick-plug" ;;
*) sed -n '2,/^set /s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
