#!/bin/sh
# Builds the dashboard into dashboard/dist, from where it is put into the program; does nothing
# when nothing has changed. `dashboard.sh install` only installs the packages.
#
# Without Node.js it says so and succeeds: everything but the dashboard works, and its page says
# what is missing. DASHBOARD=no leaves it out as well.
set -eu
cd "$(dirname "$0")/../dashboard"

if [ "${DASHBOARD:-yes}" = no ]; then
    echo '*** DASHBOARD=no: the dashboard is left as it is.' >&2
    exit 0
fi
if ! ../scripts/node.sh 2>/dev/null; then
    echo '*** The dashboard is NOT built: no Node.js (scripts/prerequisites.sh says more).' >&2
    exit 0
fi

# Of contents, not of times: a checkout, a cache and a copy change times.
sum_of() {
    find "$@" -type f ! -path src/api/schema.d.ts -exec cksum {} + | LC_ALL=C sort | cksum
}

installed=node_modules/.millwright-installed
lock=$(sum_of package-lock.json)
if [ "$(cat "$installed" 2>/dev/null)" != "$lock" ]; then
    echo 'dashboard: installing its packages'
    if ! npm ci --no-audit --no-fund --loglevel=error; then
        echo >&2
        echo '*** The packages of the dashboard could not be installed. Is the registry of npm' >&2
        echo '*** reached? `npm ping` tells; `npm config set registry` and `proxy` set it up.' >&2
        echo '*** Without the dashboard: DASHBOARD=no make …' >&2
        exit 1
    fi
    echo "$lock" >"$installed"
fi
[ "${1:-build}" = install ] && exit 0

built=.built
sources=$(sum_of src public index.html package.json package-lock.json tsconfig.json vite.config.ts \
    entry-budget.ts ../schemas/generated/openapi.json)
if [ -f dist/index.html ] && [ "$(cat "$built" 2>/dev/null)" = "$sources" ]; then
    echo 'dashboard: up to date'
    exit 0
fi
echo 'dashboard: building'
rm -f "$built"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! npm run build --silent >"$log" 2>&1; then
    cat "$log" >&2
    exit 1
fi
echo "$sources" >"$built"
