# update.sh: new versions on a unit, for test.sh. Each comes as on a real unit: from a signed APT folder, with unattended-upgrades.
#
# The versions are this tree's with +1, +2 and so on. +1 and +4 work. +2 ends at once, again and again. +3 can't use any configuration.

# versions makes the packages, from the one of this tree.
versions() {
  local v at=$rig/versions n
  v=$(dpkg-deb -f "$rig/unit/tacet.deb" Version) || return
  rm -rf "$at" "$rig/folders"
  mkdir -p "$at" "$rig/folders"
  for n in 1 2 3 4; do
    dpkg-deb -R "$rig/unit/tacet.deb" "$at/tree" || return
    case $n in
    2) printf '#!/bin/sh\necho "the rig: %s is started: $*"\nexit 1\n' "$v+$n" >"$at/tree/usr/bin/tacetd" ;;
    3) printf '#!/bin/sh\necho "the rig: %s is started: $*"\nexit 78\n' "$v+$n" >"$at/tree/usr/bin/tacetd" ;;
    *) make -s -C "$root" programs UNIT=./cmd/tacetd OUT="$at/bin" VERSION="$v+$n" >/dev/null &&
      cp "$at/bin/tacetd" "$at/tree/usr/bin/tacetd" || return ;;
    esac
    echo "$v+$n" >"$at/tree/usr/lib/tacet/version"
    sed -i "s/^Version: .*/Version: $v+$n/" "$at/tree/DEBIAN/control"
    (cd "$at/tree" && find usr -type f -exec md5sum {} + >DEBIAN/md5sums) || return
    mkdir "$at/$n"
    dpkg-deb -Zgzip --root-owner-group -b "$at/tree" "$at/$n/tacet_$v+${n}_amd64.deb" >/dev/null || return
    rm -rf "$at/tree"
  done
  # One folder after another, as the office publishes them.
  export GNUPGHOME
  GNUPGHOME=$(mktemp -d)
  gpg --batch --quiet --passphrase '' --quick-generate-key 'Trial <trial@example.org>' ed25519 sign never || return
  for n in 1 2 3 4; do
    [ "$n" = 1 ] || cp -a "$rig/folders/$((n - 1))" "$rig/folders/$n"
    KEY=trial@example.org DIST=$at/$n APT=$rig/folders/$n "$root/systemd/package/apt" >"$rig/log.apt" 2>&1 || { cat "$rig/log.apt"; return 1; }
  done
  gpgconf --kill gpg-agent
  rm -rf "$GNUPGHOME"
}

# publish N makes the folder the one that the unit sees.
publish() { rm -rf "$SHARE/apt" && cp -a "$rig/folders/$1" "$SHARE/apt"; }

update() {
  versions || fail "make the new versions"
  echo "# $((SECONDS - began)) s until the versions were made"
  rm -rf "$rig/share/run/apt"
  fresh run || fail "boot a unit"
  # Ten minutes at rest are twenty seconds here; nothing else is different from a real unit.
  in_unit 'mkdir -p /etc/systemd/system/tacetd.service.d
    printf "[Service]\nEnvironment=TACET_UPDATE_REST=20s\n" >/etc/systemd/system/tacetd.service.d/10-rig.conf
    systemctl daemon-reload; sync'
  publish 1
  room kept
  limit=1200
  room talking
  until_cut cut
  boot || fail "boot after a power cut during a trial"
  room trial
  publish 2
  room crashes
  "$machine" stop && boot || fail "boot again"
  room rebooted
  publish 3
  until_cut refuses
  boot || fail "boot after a power cut while the unit went back"
  room returned
  publish 4
  room next
}
