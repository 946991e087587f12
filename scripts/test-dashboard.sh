#!/bin/sh
# Runs the tests of the dashboard: its own, and those in a real browser against real programs.
# `make test` has built both before.
set -eu
cd "$(dirname "$0")/.."

if [ "${DASHBOARD:-yes}" = no ] || ! scripts/node.sh 2>/dev/null; then
    echo '*** The tests of the dashboard were SKIPPED: no Node.js, or DASHBOARD=no.' >&2
    exit 0
fi
npm --prefix dashboard run test --silent

find_chromium() {
    for name in "${MILLWRIGHT_CHROMIUM:-}" chromium chromium-browser google-chrome; do
        [ -n "$name" ] && command -v "$name" && return 0
    done
    return 1
}

if ! find_chromium >/dev/null && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo 'browser tests: installing Chromium'
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } \
        >/dev/null 2>&1 || echo '*** Chromium could not be installed.' >&2
fi
if ! MILLWRIGHT_CHROMIUM=$(find_chromium); then
    echo '*** The tests in a browser were SKIPPED: there is no Chromium.' >&2
    echo '*** Debian: apt install chromium; elsewhere: MILLWRIGHT_CHROMIUM=<path of one>' >&2
    exit 0
fi
export MILLWRIGHT_CHROMIUM
if [ -z "${MILLWRIGHT_PROGRAMS:-}" ]; then
    MILLWRIGHT_PROGRAMS=$(cd "${CARGO_TARGET_DIR:-target}/debug" && pwd)
fi
export MILLWRIGHT_PROGRAMS
npm --prefix dashboard run test:browser --silent
