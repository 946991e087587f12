#!/bin/sh
# Says what is missing to build the dashboard. Nothing is printed and 0 returned when it is there.
set -eu
cd "$(dirname "$0")/.."

wanted=$(sed -n 's/^ *"node": ">=\([0-9.]*\)".*$/\1/p' dashboard/package.json)
if ! command -v node >/dev/null 2>&1; then
    reason="there is no node"
elif ! command -v npm >/dev/null 2>&1; then
    reason="there is no npm"
else
    found=$(node --version 2>/dev/null | tr -d v | cut -d - -f 1)
    older=$(printf '%s\n%s\n' "$wanted" "${found:-0}" |
        sort -t . -k 1,1n -k 2,2n -k 3,3n | head -n 1)
    [ "$older" = "$wanted" ] && exit 0
    reason="node is ${found:-broken}"
fi
echo "*** The dashboard needs Node.js $wanted or newer with npm, but $reason." >&2
echo "***     Install it from https://nodejs.org, or: Debian, Ubuntu: apt install nodejs npm;" >&2
echo "***     Fedora: dnf install nodejs; macOS: brew install node" >&2
exit 1
