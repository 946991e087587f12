#!/bin/sh
# Runs all tests: those of cargo with cargo-nextest, which runs them beside each other and names the
# slow ones, or with cargo's own runner; then those of the dashboard, at last in a real browser.
# With arguments, which are cargo's, only its tests.
set -eu
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}

# Clocks that are wrong are made with libfaketime. Without it those tests say that they skip it.
if ! ls /usr/lib*/faketime/libfaketimeMT.so.1 /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1
then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends libfaketime; } \
            >/dev/null 2>&1 || echo '*** libfaketime could not be installed' >&2
    else
        echo '*** libfaketime is not installed: tests with a wrong clock are skipped.' >&2
        echo '*** Debian, Ubuntu: apt install libfaketime' >&2
    fi
fi

scripts/test-clients.sh

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

if [ "$#" = 0 ]; then
    scripts/test-dashboard.sh
fi
