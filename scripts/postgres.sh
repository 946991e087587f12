#!/bin/sh
# A PostgreSQL server for tests: the system's programs, a private port and data folder.
#   scripts/postgres.sh start FOLDER    starts it; prints its URL
#   scripts/postgres.sh stop FOLDER     stops it and removes the folder
#   scripts/postgres.sh halt FOLDER     ends it at once, as a crash does; its data stay
#   scripts/postgres.sh resume FOLDER   starts it again on its port
#   scripts/postgres.sh template FOLDER PROGRAM   makes a database with all tables by this `millwright`;
#                                       prints its name
#   scripts/postgres.sh find            prints the folder of the programs
#   scripts/postgres.sh timescale       whether TimescaleDB is there
# With MILLWRIGHT_TIMESCALE=no the server goes without TimescaleDB.
# Durability is off: what is tested is what we do, not whether the disk keeps it.
set -eu

bin=""
for folder in ${MILLWRIGHT_POSTGRES_BIN:+"$MILLWRIGHT_POSTGRES_BIN"} \
    $(ls -d /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql@*/bin 2>/dev/null | sort -V -r) \
    $(dirname "$(command -v initdb 2>/dev/null || echo /nowhere/initdb)"); do
    if [ -x "$folder/initdb" ]; then
        bin=$folder
        break
    fi
done
if [ -z "$bin" ]; then
    echo "There is no PostgreSQL (initdb). Debian, Ubuntu: apt install postgresql" >&2
    exit 1
fi

# PostgreSQL refuses to run as root.
as_user() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid "$owner" --regid "$(id -g "$owner")" --clear-groups -- "$@"
    else
        "$@"
    fi
}
# Uses $folder and $port.
run_server() {
    as_user "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 -o \
        "-p $port -k $folder -c listen_addresses=127.0.0.1 -c max_connections=400 -c fsync=off -c full_page_writes=off -c synchronous_commit=off $(cat "$folder/options")" \
        start >/dev/null 2>&1
}

has_timescale() {
    [ "${MILLWRIGHT_TIMESCALE:-yes}" != no ] &&
        [ -e "$("$bin/pg_config" --pkglibdir 2>/dev/null || echo "$bin/../lib")/timescaledb.so" ]
}

owner=postgres
id "$owner" >/dev/null 2>&1 || owner=nobody

case "${1:-}" in
find)
    echo "$bin"
    ;;
start)
    folder=$2
    mkdir -p "$folder"
    [ "$(id -u)" != 0 ] || chown "$owner" "$folder"
    cd "$folder"
    as_user "$bin/initdb" -D "$folder/data" -A trust -U postgres -E UTF8 --locale=C --no-sync \
        >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; exit 1; }
    : >"$folder/options"
    if has_timescale; then
        echo '-c shared_preload_libraries=timescaledb -c timescaledb.telemetry_level=off' >"$folder/options"
    fi
    # A port of those that nobody is given by chance; the next one when it is taken.
    port=${MILLWRIGHT_POSTGRES_PORT:-$((20000 + $$ % 9000))}
    tries=0
    until run_server; do
        tries=$((tries + 1))
        if [ "$tries" -ge 20 ]; then
            cat "$folder/log" >&2
            exit 1
        fi
        port=$((port + 1))
    done
    echo "$port" >"$folder/port"
    echo "postgres://postgres@127.0.0.1:$port/postgres"
    ;;
template)
    url="postgres://postgres@127.0.0.1:$(cat "$2/port")"
    "$bin/createdb" -h 127.0.0.1 -p "$(cat "$2/port")" -U postgres -T template0 millwright_template
    "$3" admin migrate --database "$url/millwright_template" >/dev/null
    echo millwright_template
    ;;
timescale)
    has_timescale
    ;;
halt)
    as_user "$bin/pg_ctl" -D "$2/data" -m immediate -w stop >/dev/null
    ;;
resume)
    folder=$2
    port=$(cat "$folder/port")
    cd "$folder"
    run_server
    ;;
stop)
    folder=$2
    cd /
    as_user "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
    rm -rf "$folder"
    ;;
*)
    sed -n '2,12p' "$0"
    exit 2
    ;;
esac
