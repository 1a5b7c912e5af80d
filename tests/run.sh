#!/usr/bin/env bash
# Installs what is needed, builds, and runs every test: plainly, under ASan with UBSan, and under TSan.
#   ./tests/run.sh            all of it
#   ./tests/run.sh --long     also what takes hours
#   ./tests/run.sh --only plain|address|thread|lint|fuzz    one part
set -euo pipefail
cd "$(dirname "$0")/.."

long=no
only=all
while (($# > 0)); do
  case $1 in
    --long) long=yes ;;
    --only) only=${2:?--only takes plain, address, thread, lint or fuzz} && shift ;;
    *) echo "run.sh: unknown option $1; it takes --long and --only PART" >&2 && exit 2 ;;
  esac
  shift
done
export CCACHE_SLOPPINESS=pch_defines,time_macros  # what it asks for to keep what precompiled headers are used in
logs=build/test-logs
mkdir -p "$logs"

# step TITLE COMMAND...: runs it quietly; on failure shows the end of what it said and stops.
step() {
  local title=$1 log="$logs/${1//[^a-z0-9]/_}.log" start=$SECONDS
  shift
  # Not as a condition, in which a function would go on behind a command that failed.
  set +e
  (set -e; "$@") >"$log" 2>&1
  local status=$?
  set -e
  if ((status == 0)); then
    printf '%-44s ok, %d s\n' "$title" $((SECONDS - start))
  else
    printf '%-44s FAILED, %d s\n' "$title" $((SECONDS - start))
    tail -n 150 "$log"
    echo "run.sh: $title failed; the whole log is $log" >&2
    exit 1
  fi
}

lint() {
  git ls-files -co --exclude-standard '*.cpp' '*.h' | xargs clang-format --dry-run -Werror
  git ls-files -co --exclude-standard '*.sh' '*.bash' | xargs shellcheck -x
  python3 tests/lint/lint.py --self-test
}

build() {  # build DIRECTORY SANITIZER
  local generator=()
  if [ ! -f "$1/CMakeCache.txt" ] && command -v ninja >/dev/null; then generator=(-G Ninja); fi
  # With every driver, whatever list an earlier configuration left.
  cmake "${generator[@]}" -S . -B "$1" -U KEYDISK_DRIVERS -DKEYDISK_SANITIZE="$2" -DKEYDISK_TESTS=ON -DCMAKE_CXX_COMPILER_LAUNCHER=ccache
  cmake --build "$1" --parallel "$(nproc)"
}

# What `cmake --install` puts in place runs from there.
installed() {
  local root page program
  root=$(mktemp -d)
  cmake --install build --prefix "$root"
  "$root/bin/kmsd" medium list
  "$root/bin/kmsctl" --version
  grep -Fx "ExecStart=$root/bin/kmsd run" "$root/lib/systemd/system/kmsd.service"
  test -s "$root/lib/udev/rules.d/72-keydisk.rules" && test -s "$root/lib/systemd/system/kmsd.service.d/kmsd-stopped.conf"
  grep -Fx "ExecCondition=$root/libexec/kms/kmsd-insert-check" "$root/lib/systemd/system/kmsd-insert.service"
  test -x "$root/libexec/kms/kmsd-insert-check"
  grep -F "$root/bin/kmsctl" "$root/lib/systemd/system/kmsd-backup.service" && test -s "$root/lib/systemd/system/kmsd-backup.timer"
  for page in man8/kmsd.8 man1/kmsctl.1 man5/kmsd.conf.5; do
    MANWIDTH=80 man --warnings -E UTF-8 -l "$root/share/man/$page" | grep -A1 '^NAME'
  done
  for program in kmsd kmsctl; do
    bash -euc 'source "$1"; complete -p "$2"' bash "$root/share/bash-completion/completions/$program" $program
  done
  rm -rf "$root"
}

total=0
skipped=0
failed=0
# tests DIRECTORY TITLE: runs ctest and counts; a skip is shown with its reason, and is a failure in CI. What fails beside
# the others is run once more by itself, so that a slow machine is told from a fault: if it passes then, it is shown as
# unsteady, for somebody to mend; the first failure is in the log.
tests() {
  local log="$logs/ctest_$2.log" start=$SECONDS
  if ! (cd "$1" && ctest --parallel $((2 * $(nproc))) --output-on-failure --no-tests=error) >"$log" 2>&1; then
    local again="$logs/ctest_$2_again.log"
    if (cd "$1" && ctest --rerun-failed --output-on-failure --no-tests=error) >"$again" 2>&1; then
      grep -vE '^ *[0-9]+/[0-9]+ Test +#.* Passed|^ *Start ' "$log" | tail -n 100
      echo "unsteady, passed when run by themselves:"
      sed -nE 's/.*Test +#[0-9]+: ([^ ]+) .*/  \1/p' "$again"
    else
      grep -vE '^ *[0-9]+/[0-9]+ Test +#.* Passed|^ *Start ' "$again" | tail -n 300
      echo "run.sh: tests ($2) failed; the whole logs are $log and $again" >&2
      failed=$((failed + $(sed -nE 's/.* ([0-9]+) tests? failed out of .*/\1/p' "$again")))
    fi
    cat "$again" >>"$log"
  fi
  local count skips
  count=$(grep -cE ' Passed +[0-9]' "$log" || true)
  skips=$(grep -E '\*\*\*Skipped' "$log" || true)
  total=$((total + count))
  printf '%-44s %d passed, %d s\n' "tests, $2" "$count" $((SECONDS - start))
  if [ -n "$skips" ]; then
    skipped=$((skipped + $(wc -l <<<"$skips")))
    echo "skipped:"
    grep -hE -A3 '\*\*\*Skipped|: Skipped$' "$1/Testing/Temporary/LastTest.log" "$log" | grep -vE '^--$|^\[' || true
  fi
}

step "packages" daemon/dist/install-packages.sh build run test
if [ "$only" = all ] || [ "$only" = lint ]; then step "lint" lint; fi

declare -A sanitizers=([plain]="" [address]=address [thread]=thread)
for variant in plain address thread; do
  if [ "$only" != all ] && [ "$only" != $variant ]; then continue; fi
  directory=build
  [ $variant = plain ] || directory=build-$variant
  step "build, $variant" build "$directory" "${sanitizers[$variant]}"
  tests "$directory" "$variant"
done
if [ "$only" = all ] || [ "$only" = plain ]; then
  step "README's commands" tests/lint/readme.py build
  step "install" installed
  step "quickstart" ./daemon/quickstart.sh
  step "benchmark, smoke" tests/bench/run.py --smoke
  step "benchmark of certificates, smoke" tests/bench/run.py --smoke --certificates
  step "benchmark of backups, smoke" tests/bench/run.py --smoke --backup
  step "hardware in QEMU" tests/hil/run.py
fi
if [ "$only" = all ] || [ "$only" = fuzz ]; then
  if [ $long = yes ]; then fuzz_seconds=300; else fuzz_seconds=10; fi
  step "fuzz, $fuzz_seconds s each" tests/fuzz/run.sh "$fuzz_seconds"
fi
if [ $long = yes ] && { [ "$only" = all ] || [ "$only" = plain ]; }; then
  durability=build/tests/test_integration_durability
  step "1000 kills under load" env KEYDISK_KILLS=1000 timeout 4h $durability --gtest_filter='Killed.*:CertificatesKilled.*'
  step "hardware in QEMU, 20 times, busy" tests/hil/run.py --runs 20 --busy 6
  # 100 for each of 11 commands.
  step "1100 power cuts of commands that change keys" env KEYDISK_SLOT_KILLS=100 timeout 3h $durability --gtest_filter='CommandCut.*'
  step "2000 power cuts of a new root key" env KEYDISK_SLOT_CUTS=1000 timeout 2h build/tests/test_unit_keys --gtest_filter='RotationCutTest.*'
  step "1000 power cuts of a rekey" env KEYDISK_SLOT_CUTS=1000 timeout 2h build/tests/test_unit_daemon --gtest_filter='SlotChangeTest.*'
  step "2000 power cuts" env KEYDISK_POWER_CUTS=2000 timeout 2h $durability --gtest_filter='PowerCutTest.*:CertificatesPowerCut.*'
  step "an hour of mixed load" env KEYDISK_SOAK=3600 timeout 90m $durability --gtest_filter='Soak.*'
  step "benchmark" tests/bench/run.py
  cat "$logs/benchmark.log"
  step "benchmark, start" tests/bench/run.py --start
  cat "$logs/benchmark__start.log"
  step "benchmark, certificates" tests/bench/run.py --certificates
  cat "$logs/benchmark__certificates.log"
  step "clang-tidy" xargs -a <(git ls-files '*.cpp' ':!tests') clang-tidy -p build --quiet
fi

echo "$total passed, $failed failed, $skipped skipped"
if ((failed > 0)); then exit 1; fi
if [ "${CI:-}" = true ] && ((skipped > 0)); then
  echo "run.sh: in CI no test may be skipped" >&2
  exit 1
fi
