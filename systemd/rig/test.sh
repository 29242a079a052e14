#!/usr/bin/env bash
# test.sh: tests the whole daemon, run by systemd, in virtual wall units. "make rig-test" calls it.
#
# Two units run in parallel: one would take too long.
#
#   RIG_LONG=1    record ten minutes instead of one
#   RIG_HANG=1h   let the file servers hang for an hour instead of 45 s
#   RIG_PART=day  only the first unit; stores: only the second; shares: only its file servers; update: new versions, and nothing else; card: cards for units that set
#                 themselves up, and nothing else
#   RIG_SOAK=50   instead of everything else, 50 power cuts while it records
#   RIG_ARCH=arm64  a unit with an ARM processor; only the day of one unit, unless RIG_PART says more
#   RIG_KEEP=1    leave the units running, for machine.sh
#   RIG_ACCEL=kvm use the processor's own virtualisation
#   RIG_PRIORITY=0  take no priority over other work
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/../..")
rig=$root/bin/rig${RIG_ARCH:+-$RIG_ARCH}
export RIG_DIR=$rig PATH=$PATH:/usr/sbin:/sbin # for tools that unprivileged users may not have in their PATH
mkdir -p "$rig/share" "$rig/sticks" "$rig/unit"
log=$rig/test.log
: >"$log"
machine=$here/machine.sh
began=$SECONDS

# first NICE: sets the priority of this session on a busy computer; only root may raise it.
first() { echo "${RIG_PRIORITY:-$1}" 2>/dev/null >/proc/self/autogroup; } 2>/dev/null
first -10

# finish counts the results.
finish() {
  trap - EXIT
  first 0
  [ -z "${stores:-}" ] || { kill "$stores" 2>/dev/null; wait "$stores"; }
  for name in run run.stores; do
    unit $name
    [ -n "${RIG_KEEP:-}" ] || "$machine" stop >/dev/null 2>&1
  done
  local passed failed
  passed=$(grep -c '^ok ' "$log")
  failed=$(grep -c '^not ok ' "$log")
  echo "# $((SECONDS - began)) s in all"
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}
fail() { echo "not ok - $*" | tee -a "$log"; finish; }
trap 'fail "interrupted"' INT TERM
trap 'fail "stopped too early"' EXIT

# unit NAME: selects a machine for the following commands.
unit() { export RIG_RUN=$rig/$1 SHARE=$rig/share/$1; }

in_unit() { timeout -k 10 "${limit:-900}" "$machine" ssh "$@"; }
room() { in_unit "RIG_LONG=${RIG_LONG:-} RIG_HANG=${RIG_HANG:-} /share/room $*" | tee -a "$log"; }
boot() { "$machine" start "$@" && "$machine" wait; }

# fresh NAME: boots a new unit and installs the package.
fresh() {
  unit "$1"
  "$machine" stop >/dev/null 2>&1
  mkdir -p "$SHARE"
  rm -f "$SHARE"/*
  cp "$rig"/unit/* "$SHARE/"
  boot fresh && in_unit 'set -e
    dpkg -i /share/tacet.deb
    udevadm settle
    systemctl enable -q tacetd
    tacet keygen -plain -o /root/office.key >/etc/tacet/practice.pub
    install -m 644 /root/office.vkey /etc/tacet/
    sync'
}

# sticks SIZE: makes the thumb drives.
sticks() {
  for whose in own other; do
    for kind in vfat exfat ext4; do
      file=$rig/sticks/$whose-$kind.img
      rm -f "$file"
      truncate -s "$1" "$file"
      case $kind in
      vfat) mkfs.vfat -n "T${kind^^}" "$file" ;;
      exfat) mkfs.exfat -L "T${kind^^}" "$file" ;;
      ext4) mkfs.ext4 -q -F -L "T${kind^^}" "$file" ;;
      esac >/dev/null || return
    done
  done
}

# until_cut SCENE: cuts the power during a recording.
until_cut() {
  limit=180 room "$1" >"$rig/record.log" &
  local recording=$!
  for ((i = 0; i < 1200; i++)); do
    grep -q '^cut\|^not ok' "$rig/record.log" && break
    sleep 0.1
  done
  sleep "0.$((RANDOM % 10))"
  "$machine" cut | sed 's/^/# /'
  wait "$recording"
  grep -v '^cut' "$rig/record.log"
}

# day is the life of one unit.
day() {
  fresh run || fail "boot a unit"
  echo "# $((SECONDS - began)) s until the first unit was up"
  room first
  in_unit 'echo 5 >/etc/rig/held; sync' # a reboot, with a hand on the button
  "$machine" stop && boot || fail "boot again"
  room booted
  room held
  in_unit 'rm /etc/rig/held; sync'
  until_cut record
  boot || fail "boot after the power cut"
  room after
  room presses
  echo "# $((SECONDS - began)) s until the first unit had finished"
}

# copies is the life of another, with drives and shares. Both end with random presses.
copies() {
  sticks 64M || { echo "not ok - make thumb drives" | tee -a "$log"; return; }
  fresh run.stores || { echo "not ok - boot a second unit" | tee -a "$log"; return; }
  "$machine" serve &
  [ "${RIG_PART:-}" = shares ] || room confined sticks
  limit=9000 room shares
  [ "${RIG_PART:-}" = shares ] || room presses
}

# cuts is one unit with repeated power cuts; its disk and its drive have volatile caches.
cuts() {
  sticks 1G && fresh run || fail "boot a unit"
  "$machine" serve &
  room cuts
  for ((n = 1; n <= RIG_SOAK; n++)); do
    until_cut cutting
    boot || fail "boot after power cut $n"
    "$machine" serve &
    room afterwards
  done
}

# Build in parallel where possible.
# On an emulated ARM processor the day of one unit takes long enough.
arch=${RIG_ARCH:-$(dpkg --print-architecture)}
[ "$arch" = amd64 ] || : "${RIG_PART:=day}"

DIST=$rig/package "$root/systemd/package/release" "deb:$arch" >"$rig/log.make" 2>&1 &
built=$!
"$here/build.sh" || fail "build the wall unit"
wait "$built" || { tail -20 "$rig/log.make"; fail "build the package"; }
cd "$root" || exit
{
  rm -f "$rig"/unit/* && cp "$rig"/package/tacet_*_"$arch".deb "$rig/unit/tacet.deb" &&
    CGO_ENABLED=0 GOARCH=$arch go build -trimpath -o "$rig/unit/room" ./systemd/rig/room &&
    CGO_ENABLED=0 go build -trimpath -o "$rig/volatile" ./systemd/rig/volatile &&
    CGO_ENABLED=0 GOARCH=$arch go test -c -o "$rig/unit/hw.test" ./hw
} || fail "build what runs in the wall unit"
echo "# $((SECONDS - began)) s to build"

if [ "${RIG_PART:-}" = update ]; then
  . "$here/update.sh"
  update
  finish
fi
if [ "${RIG_PART:-}" = card ]; then
  . "$here/card.sh"
  card
  finish
fi
if [ -n "${RIG_SOAK:-}" ]; then
  cuts
  finish
fi
if [ "${RIG_PART:-}" != day ]; then
  (trap - EXIT INT TERM; copies) >"$rig/stores.log" 2>&1 &
  stores=$!
fi
case ${RIG_PART:-} in stores | shares) ;; *) day ;; esac
if [ -n "${stores:-}" ]; then
  wait "$stores"
  stores=
  cat "$rig/stores.log"
fi
finish
