#!/usr/bin/env bash
# bundle.sh OUT DEB... collects the packages for "tacet provision -packages OUT -card", so that a
# unit's first start needs no network: the given packages of Tacet, one for each architecture, and
# in OUT/SUITE/ARCH the packages that they depend on and Raspberry Pi OS may lack. The dashboard is not
# in it: it runs in the office, never on a unit.
#
# ALSO names another architecture, for the rig's units. "make bundle" runs it. It downloads from this
# machine's Debian mirror, and verifies with Debian's keys.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: bundle.sh OUT DEB..." >&2; exit 2; }
out=$(realpath -m "$1")
shift
declare -A needs=(
  [bookworm]="libasound2 libasound2-data"
  [trixie]="libasound2t64 libasound2-data"
)
# This machine's mirror, from a list of either format.
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m1 '/debian/\?$' || true)
mirror=${mirror:-http://deb.debian.org/debian}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
chmod 755 "$tmp"

rm -rf "$out.new"
mkdir -p "$out.new"
archs=()
for deb; do
  arch=$(dpkg-deb -f "$deb" Architecture)
  [ "$(dpkg-deb -f "$deb" Package)" = tacet ] || { echo "bundle: $deb is not Tacet's package" >&2; exit 1; }
  case $arch in
  arm64 | armhf | "${ALSO:-}") cp "$deb" "$out.new/"; archs+=("$arch") ;;
  *) echo "bundle: skipping $deb, which is not for a Raspberry Pi" ;;
  esac
done
[ ${#archs[@]} -gt 0 ] || { echo "bundle: no package for a Raspberry Pi: make release makes them" >&2; exit 1; }

for suite in "${!needs[@]}"; do
  for arch in "${archs[@]}"; do
    root=$tmp/$suite-$arch
    mkdir -p "$root"/{lists/partial,cache/archives/partial,empty} "$out.new/$suite/$arch"
    echo "deb [arch=$arch signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$root/sources.list"
    : >"$root/status"
    options=(-qq -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Dir::Etc::SourceList="$root/sources.list"
      -o Dir::Etc::SourceParts="$root/empty" -o Dir::Etc::PreferencesParts="$root/empty"
      -o Dir::State::Lists="$root/lists" -o Dir::State::status="$root/status"
      -o Dir::Cache="$root/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update
    (cd "$out.new/$suite/$arch" && apt-get "${options[@]}" download ${needs[$suite]})
  done
done
rm -rf "$out"
mv "$out.new" "$out"
(cd "$out" && find . -name '*.deb' | sort)
