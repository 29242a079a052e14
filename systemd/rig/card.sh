# card.sh: cards for units that set themselves up, for test.sh. From a list of rooms and a template to a recording that the office verifies.
#
# Real are: tacet provision and its bundle, the card's FAT, what Raspberry Pi Imager leaves on it, systemd.run= and its reboot, the
# packages' installation, the power cuts. Imitated are: the firmware, which takes the kernel's command line from cmdline.txt
# (machine.sh); the image's initramfs, which corrects paths that Imager wrote (fixup); cloud-init and the program that reads
# rpi-preseed.toml (room caller). The office's computer needs no driver for FAT: a machine of the rig is its card reader.

bench=$rig/card
card_room=rig/room-1
stick_id=7AC3-7001

# imaged FORMAT makes a boot partition as Imager leaves it. Its own commands leave /etc/rig/imaged.
imaged() {
  local at=$bench/$1
  rm -rf "$at" "$at.img"
  mkdir -p "$at"
  printf 'dtparam=audio=on\ncamera_auto_detect=1\n\n[all]\nenable_uart=1\n' >"$at/config.txt"
  printf 'console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 fsck.repair=yes rootwait quiet' >"$at/cmdline.txt"
  case $1 in
  systemd)
    printf ' %s' systemd.run=/boot/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target >>"$at/cmdline.txt"
    printf '%s\n' '#!/bin/bash' '' 'set +e' '' 'touch /etc/rig/imaged' 'rm -f /boot/firstrun.sh' \
      "sed -i 's| systemd.run.*||g' /boot/cmdline.txt" 'exit 0' >"$at/firstrun.sh"
    ;;
  cloud-init)
    printf 'dsmode: local\ninstance_id: rpios-image\n' >"$at/meta-data"
    printf '%s\n' '#cloud-config' 'hostname: wall-unit' 'runcmd:' '- [ touch, /etc/rig/imaged ]' >"$at/user-data"
    printf 'network:\n  version: 2\n' >"$at/network-config"
    ;;
  preseed)
    printf '%s\n' 'config_version = 1' '' '[system]' 'hostname = "wall-unit"' '' '[runcmd]' 'late = ["touch /etc/rig/imaged"]' >"$at/rpi-preseed.toml"
    ;;
  esac
  truncate -s 192M "$at.img"
  mkfs.vfat -F 32 -n bootfs "$at.img" >/dev/null 2>&1 && mcopy -i "$at.img" "$at"/* ::
}

# fixup CARD does what the initramfs of the image does with firstrun.sh, before the system starts.
fixup() {
  mtype -i "$1" ::cmdline.txt | sed 's|/boot/|/boot/firmware/|g' >"$bench/cmdline.txt"
  grep -q systemd.run= "$bench/cmdline.txt" || return 0
  mtype -i "$1" ::firstrun.sh | sed -n '/rm.*firstrun\.sh$/q;p' >"$bench/firstrun.sh"
  printf '%s\n' 'rm -f /boot/firmware/firstrun.sh' "sed -i 's| systemd\\.[^ ]*||g' /boot/firmware/cmdline.txt" 'exit 0' >>"$bench/firstrun.sh"
  mcopy -o -i "$1" "$bench/cmdline.txt" "$bench/firstrun.sh" ::
}

# office makes the rooms' files, the bundle and the room's thumb drive, at the desk.
office() {
  mkdir -p "$bench/etc" && rm -rf "$bench/out"
  CGO_ENABLED=0 go build -trimpath -o "$bench/tacet" ./cmd/tacet || return
  rm -f "$bench"/office.*
  "$bench/tacet" keygen -plain -o "$bench/office.key" >"$bench/etc/practice.pub" && cp "$bench/office.vkey" "$bench/etc/" || return
  printf 'site,room,name,drives\nrig,room-1,The rig,%s\nrig,room-2,Another,\n' "$stick_id" >"$bench/rooms.csv"
  cat >"$bench/etc/tacet.toml" <<'S'
[room]
site = "{site}"
id = "{room}"
[consent]
notice = "1"
purpose = "Trying a card"
quiet = "0s"
[[button]]
line = "GPIO5"
[light]
line = "GPIO27"
[status_light]
line = "GPIO23"
[audio]
device = "hw:CARD=Loopback,DEV=1"
codec = "wav"
[encrypt]
recipients = ["practice.pub"]
[office]
key = "office.vkey"
[spool]
reserve = "30m"
release = "never"
[[store]]
name = "on-vfat"
kind = "drive"
[mqtt]
broker = "mqtt://127.0.0.1:1883"
username = "{site}-{room}"
password_file = "/etc/tacet/mqtt_password"
S
  "$bench/tacet" provision -i "$bench/office.key" -template "$bench/etc/tacet.toml" -o "$bench/out" "$bench/rooms.csv" || return

  # Debian's packages are kept from one run to the next. A bundle needs a package for a Pi: on another processor, one that must stay unused.
  [ -d "$bench/bundle" ] || ALSO=$arch "$root/systemd/bundle.sh" "$bench/bundle" "$rig/package"/tacet_*_"$arch".deb || return
  rm -f "$bench"/bundle/tacet_*.deb
  cp "$rig/package"/tacet_*_"$arch".deb "$bench/bundle/" || return
  [ "$arch" = arm64 ] || echo 'not a package' >"$bench/bundle/tacet_0_arm64.deb"

  local stick=$rig/sticks/own-vfat.img
  rm -f "$stick"
  truncate -s 64M "$stick"
  mkfs.vfat -i "${stick_id/-/}" -n ROOM1 "$stick" >/dev/null && mcopy -i "$stick" "$bench/out/$card_room/drives/$stick_id/TACET-DRIVE.txt" ::
}

# reader boots the card reader, in which tacet provision -card prepares a card of each format. Its system, without Tacet and without
# libasound2, then is the image on all three cards.
reader() {
  unit run
  "$machine" stop >/dev/null 2>&1
  rm -rf "${SHARE:?}"/* "$RIG_RUN/card.img"
  mkdir -p "$SHARE"
  cp -r "$bench/out" "$bench/bundle" "$here/guest/first-start.service" "$here/guest/cloud-init" "$SHARE/"
  dpkg-deb -x "$rig/unit/tacet.deb" "$SHARE/package" || return
  boot fresh || return
  local format
  for format in "$@"; do
    imaged "$format" && "$machine" plug reader "$bench/$format.img" && in_unit "set -e
      until [ -e /dev/disk/by-label/bootfs ]; do sleep 0.2; done
      mkdir -p /mnt/bootfs
      mount -t vfat /dev/disk/by-label/bootfs /mnt/bootfs
      /share/package/usr/bin/tacet provision -o /share/out -packages /share/bundle -card /mnt/bootfs $card_room
      umount /mnt/bootfs" 2>&1 | sed "s/^/# $format: /" && "$machine" yank reader || return
    limit=60 in_unit 'while [ -e /dev/disk/by-label/bootfs ]; do sleep 0.2; done' || return
  done
  in_unit 'set -e
    dpkg --purge --force-depends libasound2 libasound2t64 libasound2-data >/dev/null 2>&1
    mkdir -p /boot/firmware
    echo "LABEL=bootfs /boot/firmware vfat defaults 0 2" >>/etc/fstab
    install -m 755 /share/cloud-init /usr/local/bin/
    install -m 644 /share/first-start.service /etc/systemd/system/
    systemctl enable -q first-start
    journalctl -q --rotate --vacuum-time=1s 2>/dev/null
    sync' || return
  "$machine" stop
  mv "$RIG_RUN/root.qcow2" "$bench/image.qcow2"
}

said() { echo "$*" | tee -a "$log"; }
runs() { kill -0 "$(cat "$RIG_RUN/pid" 2>/dev/null)" 2>/dev/null; }
at_step() { grep -q "tacet: $1[[:space:]]*\$" "$RIG_RUN/console.log" 2>/dev/null; }

# last_step prints the step that the first start has begun last.
last_step() { sed -n 's/.*tacet: \([a-z]*\)[[:space:]]*$/\1/p' "$RIG_RUN/console.log" | tail -1; }

# again starts the machine once more, and keeps what its console said.
again() {
  cp "$RIG_RUN/console.log" "$bench/console.$format.$((starts++))"
  [ "$starts" -le 8 ] || return
  "$machine" stop
  "$machine" start
}

# first_start FORMAT STEP puts a card into a unit, and follows it until it is set up. The power is cut once STEP has begun.
first_start() {
  local format=$1 step=$2 cut='' starts=1 start=$SECONDS
  local is_set_up='[ -e /boot/firmware/rig_room-1.vkey ] && [ ! -e /usr/local/lib/tacet/firstboot ]'
  unit run
  "$machine" stop >/dev/null 2>&1
  rm -rf "${SHARE:?}"/* "$RIG_RUN/console.log" "$bench/console.$format".*
  cp "$rig/unit/room" "$bench/office.key" "$bench/office.vkey" "$SHARE/"
  cp "$bench/$format.img" "$RIG_RUN/card.img"
  export CARD=$RIG_RUN/card.img BASE=$bench/image.qcow2
  fixup "$CARD"
  "$machine" start fresh || fail "start a unit"
  until [ -n "$cut" ] && limit=20 in_unit "$is_set_up" 2>/dev/null; do
    if ! runs; then # it has rebooted
      again || break
    elif grep -qs 'tacet: FAILED' "$RIG_RUN/console.log" || [ $((SECONDS - start)) -gt "${RIG_FIRST_START:-1200}" ]; then
      break
    elif [ -z "$cut" ] && at_step "$step"; then
      [ "$step" != packages ] || sleep $((RANDOM % 12))
      [ "$step" = restart ] || sleep "0.$((RANDOM % 10))"
      cut=$(last_step)
      : "${cut:=$step}"
      "$machine" cut | sed 's/^/# /' || { cut='' step=service; } # it was rebooting
      again || break
    fi
    sleep 0.2
  done
  if [ -n "$cut" ] && limit=20 in_unit "$is_set_up"; then
    said "ok - a card by $format: the unit sets itself up, with a power cut in the step \"$cut\" ($((SECONDS - start)) s, started $starts times)"
    in_unit 'cp /share/office.key /share/office.vkey /root/'
    room provisioned
    return
  fi
  said "not ok - a card by $format: the unit sets itself up, with a power cut in the step \"${cut:-none}\" ($((SECONDS - start)) s, started $starts times)"
  grep 'tacet:' "$RIG_RUN/console.log" | tail -15 | sed 's/^/#   | /'
  return 1
}

# verified FORMAT SOURCE: at the desk, with what the card and the drive bring: the key that the unit left, and the recordings.
# The room has a new unit with each card, so "tacet fleet add" asks for its id.
verified() {
  local key=$bench/rig_room-1.vkey desk=$bench/desk
  local what="at the desk, with the key from the card by $1: no files of the unit left on it, and the recordings verify and open"
  rm -rf "$desk" "$key"
  mkdir "$desk"
  if mcopy -n -i "$CARD" ::rig_room-1.vkey "$key" && ! mdir -i "$CARD" ::tacet >/dev/null 2>&1 &&
    "$bench/tacet" fleet add -fleet "$bench/out/_office/fleet.toml" "$key" <<<"${card_room#*/}" && "$2" "$desk/" &&
    "$bench/tacet" verify -unit "$key" "$desk"/*.tacet &&
    "$bench/tacet" open -unit "$key" -i "$bench/office.key" -o "$desk/out.wav" "$(ls "$desk"/*.tacet | tail -1)"; then
    said "ok - $what"
  else
    said "not ok - $what"
  fi 2>&1 | sed '/^ok\|^not ok/!s/^/# /'
}
from_stick() { mcopy -n -i "$rig/sticks/own-vfat.img" '::*.tacet' "$1"; }
from_spool() { cp "$SHARE"/*.tacet "$1"; }

card() {
  local steps=(room clock packages swap firmware files restart service clean) format
  office 2>&1 | sed 's/^/# /' || fail "provision the rooms"
  echo "# $((SECONDS - began)) s until the rooms were provisioned"
  reader systemd cloud-init preseed || fail "prepare the cards"
  said "ok - tacet provision -card prepares a card of each format"
  echo "# $((SECONDS - began)) s until the cards were prepared"
  for format in ${RIG_FORMATS:-systemd cloud-init preseed}; do
    first_start "$format" "${RIG_STEP:-${steps[RANDOM % ${#steps[@]}]}}" || continue
    if [ "$format" = systemd ]; then
      "$machine" serve &
      room stick
      "$machine" stop
      wait
      verified "$format" from_stick
    else
      room brief
      in_unit 'cp /var/lib/tacet/spool/*.tacet /share/'
      "$machine" stop
      verified "$format" from_spool
    fi
    echo "# $((SECONDS - began)) s until the card by $format had been tried"
  done
  unset CARD BASE
}
