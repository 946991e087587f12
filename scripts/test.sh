#!/bin/sh
# Runs all tests: with cargo-nextest, which runs them beside each other and names the slow ones,
# or with cargo's own runner.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

# The tests start the real programs.
"$cargo" build --workspace --bins --locked

if "$cargo" nextest --version >/dev/null 2>&1; then
    "$cargo" nextest run --workspace --locked "$@"
    # nextest doesn't run the examples in the documentation. All members, although few have any:
    # another selection would build dependencies again.
    "$cargo" test --workspace --doc --locked --quiet
else
    echo 'cargo-nextest is not installed: cargo test, which is slower. https://nexte.st' >&2
    "$cargo" test --workspace --locked "$@"
fi
