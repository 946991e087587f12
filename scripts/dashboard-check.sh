#!/bin/sh
# Checks the dashboard and the browser tests: types, lints, format, licences of its packages.
set -eu
cd "$(dirname "$0")/.."

scripts/dashboard.sh install
if [ "${DASHBOARD:-yes}" = no ] || ! scripts/node.sh 2>/dev/null; then
    echo '*** The dashboard was NOT checked.' >&2
    exit 0
fi
# The lock file names no place from which packages are loaded: everyone has their own registry.
if grep -n '"resolved":' dashboard/package-lock.json >&2; then
    echo 'dashboard/package-lock.json names download addresses: install with' >&2
    echo '    npm install --omit-lockfile-registry-resolved' >&2
    exit 1
fi
node scripts/npm-licenses.mjs
npm --prefix dashboard run check --silent
