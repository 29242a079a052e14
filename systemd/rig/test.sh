#!/usr/bin/env bash
# test.sh: the whole daemon, as systemd runs it, in a virtual wall unit. "make rig-test" calls it.
#
# RIG_LONG=1 records ten minutes instead of one. RIG_KEEP=1 leaves the machine running, to be looked at with machine.sh.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/../..")
rig=$root/bin/rig
export RIG_DIR=$rig SHARE=$rig/share
mkdir -p "$SHARE"
log=$rig/test.log
: >"$log"
machine=$here/machine.sh
began=$SECONDS

fail() { echo "not ok - $*" | tee -a "$log"; finish; }

# finish counts what was said.
finish() {
  trap - EXIT
  if [ -z "${RIG_KEEP:-}" ]; then "$machine" stop >/dev/null 2>&1; fi
  local passed failed
  passed=$(grep -c '^ok ' "$log")
  failed=$(grep -c '^not ok ' "$log")
  echo "# $((SECONDS - began)) s in all"
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}
trap 'fail "interrupted"' INT TERM
trap 'fail "stopped too early"' EXIT

room() { timeout -k 10 "${limit:-900}" "$machine" ssh "RIG_LONG=${RIG_LONG:-} /share/room $*" | tee -a "$log"; }
boot() { "$machine" start "$@" && "$machine" wait && booted=$SECONDS; }

"$here/build.sh" || fail "build the wall unit"
cd "$root" || exit
export GOFLAGS="-tags=nolibopusfile ${GOFLAGS:-}"
{
  cp bin/tacetd bin/tacet "$SHARE/" &&
    cp systemd/tacetd.service systemd/60-tacet.rules systemd/tacet.sysusers systemd/tacet.tmpfiles "$SHARE/" &&
    CGO_ENABLED=0 go build -trimpath -o "$SHARE/room" ./systemd/rig/room &&
    CGO_ENABLED=0 go build -trimpath -o "$rig/volatile" ./systemd/rig/volatile &&
    CGO_ENABLED=0 go test -c -o "$SHARE/hw.test" ./hw
} || fail "build what runs in the wall unit"
echo "# $((SECONDS - began)) s to build"

"$machine" stop >/dev/null 2>&1
rm -f "$SHARE/cut"
boot fresh || fail "boot"
echo "# $((SECONDS - began)) s until it was up"

# As the package will do it.
"$machine" ssh 'set -e
  install -m 755 /share/tacetd /share/tacet /usr/bin/
  install -m 644 /share/tacetd.service /etc/systemd/system/tacetd.service
  install -D -m 644 /share/60-tacet.rules /usr/lib/udev/rules.d/60-tacet.rules
  install -D -m 644 /share/tacet.sysusers /usr/lib/sysusers.d/tacet.conf
  install -D -m 644 /share/tacet.tmpfiles /usr/lib/tmpfiles.d/tacet.conf
  systemd-sysusers
  systemd-tmpfiles --create tacet.conf
  udevadm control --reload
  udevadm trigger --settle --subsystem-match=gpio
  systemctl daemon-reload
  systemctl enable -q tacetd
  tacet keygen -plain -o /root/office.key >/etc/tacet/practice.pub
  sync' || fail "install"
room first

# A reboot, with a hand on the button.
"$machine" ssh 'echo 5 >/etc/rig/held; sync'
"$machine" stop && boot || fail "boot again"
room held
"$machine" ssh 'rm /etc/rig/held; sync'

# A power cut in the middle of a recording.
limit=180 room record >"$rig/record.log" &
for ((i = 0; i < 120; i++)); do
  grep -q '^cut\|^not ok' "$rig/record.log" && break
  sleep 1
done
"$machine" cut | sed 's/^/# /'
wait
cat "$rig/record.log" | grep -v '^cut'
boot || fail "boot after the power cut"
room after
finish
