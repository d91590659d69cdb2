#!/usr/bin/env bash
# Runs targets on mutated inputs for some seconds each, without libFuzzer, cargo-fuzz or a C++ compiler:
#
#   fuzz/every.sh [SECONDS] [TARGET…]      (all targets when none is named; 10 seconds, or MUSUBI_FUZZ_SECONDS)
#   fuzz/every.sh TARGET FILE…             (what was found, once more)
#
# fuzz/seed.sh makes the corpora. MUSUBI_FUZZ_SEED says other numbers than those of every run.
set -euo pipefail
cd "$(dirname "$0")"
exec cargo run --quiet --release --no-default-features --features stable ${FUZZ_TARGET_DIR:+--target-dir "$FUZZ_TARGET_DIR"} --bin every -- "$@"
