#!/bin/sh
# Checks that this computer can build Millwright, and says what to install if it can't.
# Needed: Rust (the version in Cargo.toml) and a C compiler, for TLS and SQLite. For the dashboard
# also Node.js; without it the platform is built without its pages.
set -eu
cd "$(dirname "$0")/.."

missing=0

need() {
    missing=1
    printf 'Millwright needs %s.\n    %s\n' "$1" "$2" >&2
}

wanted=$(sed -n 's/^rust-version = "\([0-9.]*\)"$/\1/p' Cargo.toml)
cargo=${CARGO:-cargo}
if ! command -v "$cargo" >/dev/null 2>&1; then
    need "Rust $wanted or newer, but there is no $cargo" "Install it from https://rustup.rs"
else
    # The rustc that cargo would use; in a folder with a toolchain file that is another one.
    found=$("${RUSTC:-rustc}" --version 2>/dev/null | cut -d ' ' -f 2 | cut -d - -f 1)
    older=$(printf '%s\n%s\n' "$wanted" "${found:-0}" | sort -t . -k 1,1n -k 2,2n | head -n 1)
    if [ "$older" != "$wanted" ]; then
        need "Rust $wanted or newer, but rustc is ${found:-missing}" "Run: rustup update stable"
    fi
fi

if ! command -v "${CC:-cc}" >/dev/null 2>&1; then
    need "a C compiler, but there is no ${CC:-cc}" \
        "Debian, Ubuntu: apt install build-essential; Fedora: dnf install gcc; macOS: xcode-select --install"
fi

if [ "${DASHBOARD:-yes}" != no ] && ! scripts/node.sh; then
    echo '*** Millwright is built WITHOUT its dashboard, and its page will say so.' >&2
fi

exit "$missing"
