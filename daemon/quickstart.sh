#!/usr/bin/env bash
# From a bare Debian 12 to a running server: installs what is needed, builds, makes a key disk and a backup, starts the
# server with the disk in, issues, verifies and revokes a token, pulls the disk and puts it back, and stops cleanly.
#   ./daemon/quickstart.sh               in a new directory under ${TMPDIR:-/tmp}
#   ./daemon/quickstart.sh DIRECTORY     in that one; run again, it uses the server that is there
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
build="$top/build"

fail() {
  echo "quickstart.sh: $1" >&2
  exit "${2:-8}"
}
if (($# > 1)) || [[ ${1:-} == -* ]]; then fail "takes one directory at most" 2; fi

# quiet TITLE COMMAND...: what it says is shown only where it fails.
quiet() {
  local title=$1 log
  shift
  echo "== $title"
  log=$(mktemp)
  if ! "$@" </dev/null >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    rm -f "$log"
    fail "could not $title"
  fi
  rm -f "$log"
}

# show COMMAND...: as it would be typed, then what it says.
show() {
  echo "\$ $(basename "$1") ${*:2}"
  "$@"
}

configure() {
  local options=(-DKEYDISK_TESTS=OFF)
  if [ -f "$build/CMakeCache.txt" ]; then
    options=() # a build that is there keeps its options
  elif command -v ninja >/dev/null; then
    options+=(-G Ninja)
  fi
  if command -v ccache >/dev/null; then options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  cmake "${options[@]}" -S "$top" -B "$build"
}

quiet "install packages" "$top/daemon/dist/install-packages.sh" build run
quiet "configure the build" configure
quiet "build (some minutes the first time)" cmake --build "$build" --parallel "$(nproc)" --target kmsd kmsd-media kmsctl

demo=${1:-$(mktemp -d "${TMPDIR:-/tmp}/keydisk.XXXXXX")}
mkdir -p "$demo/drive" "$demo/safe"
demo=$(cd "$demo" && pwd)
socket="$demo/kms.sock"
daemon=

# shellcheck disable=SC2317 # called by trap
cleanup() {
  if [ -n "$daemon" ] && kill -TERM "$daemon" 2>/dev/null; then wait "$daemon" || true; fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ctl() { "$build/kmsctl" --server "unix:$socket" "$@"; }

# try VERB...: the same for kmsctl, which needs the socket's name each time.
try() {
  echo "\$ kmsctl $*"
  ctl "$@"
}

# state: sealed, unsealed, or nothing while it does not answer.
state() { ctl --json status 2>/dev/null | sed -n 's/.*"state":"\([a-z]*\)".*/\1/p' || true; }

# await STATE: up to 30 seconds.
await() {
  local end=$((SECONDS + 30))
  until [ "$(state)" = "$1" ]; do
    if ((SECONDS > end)) || ! kill -0 "$daemon" 2>/dev/null; then
      tail -n 20 "$demo/log" >&2
      fail "the server is not $1 after 30 seconds; the log is $demo/log"
    fi
    sleep 0.1
  done
}

echo "== make a server, its key disk and a backup disk"
if [ -e "$demo/data/security" ]; then
  echo "   (there is one in $demo already)"
else
  show "$build/kmsd" setup --config /dev/null --data-dir "$demo/data" --medium "image:$demo/drive/key.img" \
    --backup-medium "image:$demo/safe/backup.img" --organisation Example
fi
if [ -e "$demo/pulled.img" ]; then mv "$demo/pulled.img" "$demo/drive/key.img"; fi

echo "== start it with the disk in; a pulled disk is to seal it"
: >"$demo/log"
"$build/kmsd" run --config /dev/null --data-dir "$demo/data" --medium "image:$demo/drive" --listen "unix:$socket" \
  --on-removal seal </dev/null >>"$demo/log" 2>&1 &
daemon=$!
await unsealed
try status

echo "== a user, a token"
if ! try user add alice --mail alice@example.org; then
  ctl user show alice >/dev/null || fail "the user alice could not be added"
fi
echo "\$ TOKEN=\$(kmsctl token issue --user alice --ttl 1h)"
token=$(ctl token issue --user alice --ttl 1h) || fail "no token was issued"
echo "== verify it, revoke it, verify it again"
try token verify - <<<"$token" || fail "the new token is not active"
try token revoke - <<<"$token" || fail "the token could not be revoked"
code=0
try token verify - <<<"$token" || code=$?
((code == 1)) || fail "the revoked token should not be active any more"

echo "== pull the disk"
mv "$demo/drive/key.img" "$demo/pulled.img"
await sealed
try status
echo "== put it back"
mv "$demo/pulled.img" "$demo/drive/key.img"
await unsealed
try status

echo "== stop"
kill -TERM "$daemon"
code=0
wait "$daemon" || code=$?
daemon=
((code == 0)) || fail "the server ended with $code; its log is $demo/log"

cat <<END

Done: a server was made, opened by its key disk, gave out a token and revoked it, and was sealed by pulling the disk.
It lies in $demo (drive/: the disk in the drive; safe/: the backup disk). To go on with it:
  cd $top
  ./build/kmsd run --data-dir $demo/data --medium image:$demo/drive --listen unix:$socket
  ./build/kmsctl --server unix:$socket status          # in another terminal
  ./build/kmsd --help; ./build/kmsctl --help
END
