#!/bin/sh
# Checks the licences of all dependencies: with cargo-deny, which also checks their origin, or
# with our own check of the same list.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

# Always: the list in deny.toml is read by both.
"$cargo" xtask check-licenses
if "$cargo" deny --version >/dev/null 2>&1; then
    echo 'licences: checked again with cargo-deny, with bans and sources'
    "$cargo" deny --locked check licenses bans sources
else
    echo '*** cargo-deny is not installed: licences were checked by xtask alone, bans and' >&2
    echo '*** sources were not. Install it with: cargo install --locked cargo-deny' >&2
fi
