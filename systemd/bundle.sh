#!/usr/bin/env bash
# bundle.sh OUT DEB...: the folder of packages that "tacet provision -packages OUT -card" puts on cards: tacet's own, one for each
# architecture, and in SUITE/ARCH what they need and an image of Raspberry Pi OS may lack, so that a unit's first start needs no network.
# "make bundle" calls it. Debian's packages come from where this machine gets its own, checked with Debian's keys.
set -euo pipefail
[ $# -ge 2 ] || { echo "usage: bundle.sh OUT DEB..." >&2; exit 2; }
out=$(realpath -m "$1")
shift
declare -A needs=(
  [bookworm]="libasound2 libasound2-data"
  [trixie]="libasound2t64 libasound2-data"
)
# The same mirror as this machine's, whichever of the two forms its list has.
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
  [ "$(dpkg-deb -f "$deb" Package)" = tacet ] || { echo "bundle: $deb is no package of tacet's" >&2; exit 1; }
  case $arch in
  arm64 | armhf) cp "$deb" "$out.new/"; archs+=("$arch") ;;
  *) echo "bundle: $deb is for no Raspberry Pi, and left out" ;;
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
      -o Dir::Etc::SourceParts="$root/empty" -o Dir::Etc::PreferencesParts="$root/empty" -o Dir::State::Lists="$root/lists" -o Dir::State::status="$root/status"
      -o Dir::Cache="$root/cache" -o Acquire::Languages=none -o APT::Sandbox::User=root)
    apt-get "${options[@]}" update
    (cd "$out.new/$suite/$arch" && apt-get "${options[@]}" download ${needs[$suite]})
  done
done
rm -rf "$out"
mv "$out.new" "$out"
(cd "$out" && find . -name '*.deb' | sort)
