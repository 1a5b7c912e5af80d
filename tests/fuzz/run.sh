#!/usr/bin/env bash
# run.sh SECONDS [NAME...]: builds the fuzz targets in build-fuzz under ASan and UBSan and runs each for SECONDS from its
# seeds, two at a time. A fault ends it with exit code 1 and shows the input as base64:
#   base64 -d >FILE, then build-fuzz/fuzz/fuzz_NAME FILE
# KEYDISK_FUZZ_BUILD names another directory to build in.
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:?run.sh needs the seconds for each target}
shift
build=${KEYDISK_FUZZ_BUILD:-build-fuzz}

cmake -G Ninja -S . -B "$build" -U KEYDISK_DRIVERS -DKEYDISK_FUZZ=ON -DKEYDISK_TESTS=OFF -DCMAKE_CXX_COMPILER=clang++ \
  -DCMAKE_CXX_COMPILER_LAUNCHER=ccache
cmake --build "$build" --target fuzz --parallel "$(nproc)"
rm -rf "$build/seeds" "$build/faults"
mkdir -p "$build/faults" "$build/logs"
python3 tests/fuzz/make_seeds.py "$build/seeds"
if (($# > 0)); then
  names=("$@")
else
  mapfile -t names < <(cd "$build/fuzz" && find . -name 'fuzz_*' -type f | sed 's|.*/fuzz_||' | sort)
fi

# fuzz NAME: one run. What it finds interesting is kept in corpus/NAME for the next one.
fuzz() {
  local name=$1 options=(-max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -print_final_stats=1)
  local corpus="$build/corpus/$name" log="$build/logs/$name.log" dictionary="tests/fuzz/seeds/$name.dict"
  mkdir -p "$corpus"
  if [ -f "$dictionary" ]; then options+=(-dict="$dictionary"); fi
  if [ "$name" = fat ] || [ "$name" = key_disk_write ]; then options+=(-max_len=8192); fi
  UBSAN_OPTIONS=print_stacktrace=1 "$build/fuzz/fuzz_$name" "${options[@]}" \
    -artifact_prefix="$build/faults/$name-" "$corpus" "$build/seeds/$name" >"$log" 2>&1
}

failed=0
running=()
names_running=()
# collect: waits for the runs that were started.
collect() {
  local i name runs cover
  for i in "${!running[@]}"; do
    name=${names_running[i]}
    if wait "${running[i]}"; then
      runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$build/logs/$name.log")
      cover=$(grep -oE ' cov: [0-9]+' "$build/logs/$name.log" | tail -n 1)
      if [ -z "$runs" ] || [ -z "$cover" ]; then
        echo "fuzz: $name ran nothing; see $build/logs/$name.log"
        failed=1
        continue
      fi
      printf '%-16s ok, %s runs,%s\n' "$name" "$runs" "$cover"
    else
      failed=1
      printf '%-16s FAILED\n' "$name"
      tail -n 60 "$build/logs/$name.log"
      for fault in "$build/faults/$name-"*; do
        [ -f "$fault" ] || continue
        echo "$fault:"
        base64 "$fault"
      done
    fi
  done
  running=()
  names_running=()
}

for name in "${names[@]}"; do
  fuzz "$name" &
  running+=($!)
  names_running+=("$name")
  if ((${#running[@]} == 2)); then collect; fi
done
collect
exit $failed
