#!/usr/bin/env bash
# version.sh prints this tree's version: the first one in systemd/changelog. Unless the tree is that
# release (its entry names a distribution, and the commit has the tag v1.2.3 and no changes), the
# time and the hash of the commit follow. "~" sorts such a build before the release.
set -euo pipefail
cd "$(dirname "$0")/.."
read -r _ version distribution _ <systemd/changelog
version=${version//[()]/} distribution=${distribution%;}
commit=$(git describe --always --dirty=.dirty --abbrev=12 --exclude '*' 2>/dev/null || true)
tag=$(git describe --tags --exact-match --dirty=.dirty --match "v$version" 2>/dev/null || true)
if [ "$distribution" = UNRELEASED ] || { [ -n "$commit" ] && [ "$tag" != "v$version" ]; }; then
  version+="~git$(git show -s --format=%cd --date=format:%Y%m%d%H%M%S 2>/dev/null || true)${commit:+.$commit}"
fi
echo "$version"
