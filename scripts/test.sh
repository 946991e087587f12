#!/bin/sh
# Runs all tests: those of cargo with cargo-nextest, which runs them beside each other and names the
# slow ones, or with cargo's own runner, on SQLite and once more on PostgreSQL; then those of the
# dashboard, at last in a real browser.
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

nextest=no
if "$cargo" nextest --version >/dev/null 2>&1; then
    nextest=yes
    run() {
        "$cargo" nextest run --workspace --locked "$@"
    }
else
    echo 'cargo-nextest is not installed: cargo test, which is slower. https://nexte.st' >&2
    run() {
        "$cargo" test --workspace --locked "$@"
    }
fi

all=no
[ "$#" != 0 ] || all=yes
if [ "$all$nextest" = yesyes ]; then
    # Many of them wait for times to pass; those that start platforms keep to their group.
    run --test-threads "$(($(getconf _NPROCESSORS_ONLN) * 2))"
else
    run "$@"
fi
if [ "$nextest" = yes ]; then
    # nextest doesn't run the examples in the documentation. All members, although few have any:
    # another selection would build dependencies again.
    "$cargo" test --workspace --doc --locked --quiet
fi

# Once more on PostgreSQL: those that have a database. `POSTGRES=no` leaves it out.
if [ "${POSTGRES:-yes}" != no ]; then
    if ! scripts/postgres.sh find >/dev/null 2>&1 && [ "$(id -u)" = 0 ] &&
        command -v apt-get >/dev/null 2>&1; then
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql; } \
            >/dev/null 2>&1 || echo '*** PostgreSQL could not be installed' >&2
    fi
    # Runs tests on a server of their own: on_server NAME ARGUMENTS…
    on_server() {
        # Not below the project: it belongs to another user, who may not see into ours.
        server=$(mktemp -d /tmp/millwright-postgres.XXXXXX)
        trap 'scripts/postgres.sh stop "$server"' EXIT
        trap 'exit 130' INT TERM
        MILLWRIGHT_TEST_POSTGRES=$(scripts/postgres.sh start "$server")
        export MILLWRIGHT_TEST_POSTGRES
        echo "*** The tests that have a database, on $1: $MILLWRIGHT_TEST_POSTGRES"
        shift
        if [ "${MILLWRIGHT_TEST_TIMESCALE:-yes}" = no ]; then
            # TimescaleDB's workers hold on to a database, which can't be copied then.
            MILLWRIGHT_TEST_TEMPLATE=$(scripts/postgres.sh template "$server" "$millwright")
            export MILLWRIGHT_TEST_TEMPLATE
        fi
        MILLWRIGHT_TEST_DATABASE=postgres run "$@"
        unset MILLWRIGHT_TEST_TEMPLATE
        scripts/postgres.sh stop "$server"
        trap - EXIT INT TERM
    }
    millwright=${CARGO_TARGET_DIR:-target}/debug/millwright
    if scripts/postgres.sh find >/dev/null 2>&1; then
        if [ "$all$nextest" = yesyes ]; then
            # They mostly wait for the server.
            # Left out: what has no database, or is about what happens before it.
            set -- --test-threads 6 -E 'not (package(millwright-schemas) | package(millwright-core) |
                package(millwright-detection) | package(millwright-bus) |
                package(millwright-agent) | package(millwright-simulation) | package(xtask) |
                package(millwright-tests) & (binary(attacks) | binary(clock) | binary(full_disk)))'
        fi
        export MILLWRIGHT_TEST_TIMESCALE=no
        on_server PostgreSQL "$@"
        unset MILLWRIGHT_TEST_TIMESCALE
        if scripts/postgres.sh timescale; then
            if [ "$all$nextest" = yesyes ]; then
                # What differs there: telemetry, and what is made of it.
                set -- --test-threads 6 -E 'package(millwright-store) | package(millwright-ingest) |
                    package(millwright-api) & test(/^(storage|telemetry|backtests)/) |
                    package(millwright-platform) |
                    package(millwright-tests) & (binary(backup) | binary(cluster) | binary(kill))'
            fi
            on_server TimescaleDB "$@"
        else
            echo '*** There is no TimescaleDB: the tests on it are SKIPPED.' >&2
            echo '*** https://github.com/timescale/timescaledb, release 2.28 for PostgreSQL 15' >&2
        fi
    else
        echo '*** There is no PostgreSQL: its tests are SKIPPED.' >&2
        echo '*** Debian, Ubuntu: apt install postgresql' >&2
    fi
fi

if [ "$all" = yes ]; then
    scripts/test-dashboard.sh
fi
