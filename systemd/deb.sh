#!/usr/bin/env bash
# deb.sh [OUT]: packages what "make build" has put into bin/, as OUT (default bin/tacet_VERSION_ARCH.deb). "make deb" calls it.
#
# The version is the one that the programs were built with (systemd/version.sh).
#
# The package enables and starts nothing, since there is no configuration yet. An upgrade does not touch the running daemon, since
# somebody may be talking; it says how to start the new one. Recordings and keys stay when the package is removed or purged.
set -euo pipefail
cd "$(dirname "$0")/.."
arch=$(dpkg --print-architecture)
version=$(bin/tacet version)
version=${version#tacet }
out=${1:-bin/tacet_${version}_$arch.deb}
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"

install -D -m 755 -t "$root/usr/bin" bin/tacetd bin/tacet
install -D -m 644 -t "$root/usr/lib/systemd/system" systemd/tacetd.service systemd/tacet-drive@.service
install -D -m 755 systemd/tacet-drive "$root/usr/lib/tacet/tacet-drive"
install -D -m 644 -t "$root/usr/lib/udev/rules.d" systemd/*.rules
install -D -m 644 systemd/tacet.sysusers "$root/usr/lib/sysusers.d/tacet.conf"
install -D -m 644 systemd/tacet.tmpfiles "$root/usr/lib/tmpfiles.d/tacet.conf"
doc=$root/usr/share/doc/tacet
install -D -m 644 -t "$doc" README.md
install -D -m 644 -t "$doc/config" config/example.toml
for page in cmd/tacet systemd hw; do install -D -m 644 -t "$doc/$page" $page/README.md; done
install -m 644 LICENSE "$doc/copyright"
gzip -9n <systemd/changelog >"$doc/changelog.gz"
chmod 644 "$doc/changelog.gz"

mkdir "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<S
Package: tacet
Version: $version
Architecture: $arch
Maintainer: Tacet
Section: sound
Priority: optional
Installed-Size: $(du -sk "$root/usr" | cut -f1)
Depends: libc6 (>= $(getconf GNU_LIBC_VERSION | cut -d' ' -f2)), libasound2 | libasound2t64, systemd, udev, util-linux
Recommends: alsa-utils, dosfstools, exfatprogs
Description: consulting-room recorder that both sides can trust
 Records a consultation while everybody in the room has said yes, by hand, and
 at no other time; seals it, second by second, to keys that the unit itself
 does not have, and carries it to the practice's stores.
S
cat >"$root/DEBIAN/postinst" <<'S'
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
systemd-sysusers tacet.conf
systemd-tmpfiles --create tacet.conf
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	udevadm control --reload
	udevadm trigger --subsystem-match=gpio
	if systemctl -q is-active tacetd; then
		echo "tacet: the daemon from before still runs. When nobody is being recorded: systemctl restart tacetd"
	fi
fi
S
cat >"$root/DEBIAN/prerm" <<'S'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	systemctl -q disable --now tacetd
fi
S
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm"
dpkg-deb --root-owner-group --build "$root" "$out" >/dev/null
echo "$out"
