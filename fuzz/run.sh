#!/usr/bin/env bash
# Fuzzes targets one after the other, each for some seconds; says at the end which of them found something.
#
#   fuzz/run.sh SECONDS [TARGET…]          (all targets when none is named)
#
# Works on stable Rust; needs cargo-fuzz. FUZZ_LOG names a file that gets one line a target.
set -uo pipefail
cd "$(dirname "$0")"
export RUSTC_BOOTSTRAP=1
seconds=$1
shift
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
    for file in fuzz_targets/*.rs; do targets+=("$(basename "$file" .rs)"); done
fi
found=()
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target"
    log=$(mktemp)
    if cargo fuzz run -s "${SANITIZER:-address}" ${FUZZ_TARGET_DIR:+--target-dir "$FUZZ_TARGET_DIR"} "$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 > "$log" 2>&1; then
        outcome=ok
    else
        outcome=FOUND
        found+=("$target")
        tail -40 "$log"
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    peak=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
    line="$target: $outcome, $seconds s, ${runs:-?} runs, ${peak:-?} MB"
    echo "$line"
    [ -z "${FUZZ_LOG:-}" ] || echo "$line" >> "$FUZZ_LOG"
    rm -f "$log"
done
echo "${#targets[@]} targets, ${#found[@]} found something${found[*]:+: ${found[*]}}"
[ ${#found[@]} -eq 0 ]
