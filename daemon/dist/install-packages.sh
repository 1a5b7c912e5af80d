#!/usr/bin/env bash
# install-packages.sh SECTION...: installs what daemon/dist/packages names in these sections and is not there yet.
set -euo pipefail
list="$(dirname "$0")/packages"

wanted=()
for section in "$@"; do
  mapfile -t -O "${#wanted[@]}" wanted < <(sed -n "/^\[$section\]/,/^\[/{/^[a-z]/p}" "$list")
done
missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if ((${#missing[@]} == 0)); then exit 0; fi

as_root=()
if [ "$(id -u)" != 0 ]; then
  command -v sudo >/dev/null || {
    echo "install-packages.sh: needs root to install: ${missing[*]}" >&2
    exit 6
  }
  as_root=(sudo)
fi
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
