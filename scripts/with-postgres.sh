#!/bin/sh
# Runs a command with DATABASE_URL set to a private PostgreSQL that exists only as long as the command.
# It listens on a unix socket in a temporary folder, so no port is taken and no other server is touched.
#   scripts/with-postgres.sh .venv/bin/python -m pytest tests/reviewapp
set -eu
[ $# -gt 0 ] || { echo "usage: scripts/with-postgres.sh COMMAND [ARGUMENT...]" >&2; exit 2; }

bin=$("$(dirname "$0")/find-postgres.sh")
dir=$(mktemp -d /tmp/countersign-pg.XXXXXX)

# PostgreSQL refuses to run as root
if [ "$(id -u)" = 0 ]; then
    id postgres >/dev/null 2>&1 || { echo "The account 'postgres' is missing: apt-get install postgresql makes it." >&2; exit 1; }
    chown postgres "$dir"
    as() { (cd / && runuser -u postgres -- "$@"); }
else
    as() { "$@"; }
fi

finish() {
    status=$?
    trap - EXIT INT TERM
    as "$bin/pg_ctl" -D "$dir/data" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf "$dir"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

as "$bin/initdb" -D "$dir/data" -U countersign -A trust -E UTF8 --locale=C.UTF-8 >"$dir.log" 2>&1 ||
    { cat "$dir.log" >&2; rm -f "$dir.log"; exit 1; }
rm -f "$dir.log"
# speed over safety: the data lives as long as the command. Compiling a query (jit) takes longer than it does here. No
# autovacuum: where it counts a table whose rows were all
# rolled back, the planner takes the table for empty and a report of the next test reads it 100 million times.
as "$bin/pg_ctl" -D "$dir/data" -l "$dir/server.log" -w -o \
    "-c listen_addresses='' -k $dir -c autovacuum=off -c jit=off -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=60" \
    start >/dev/null || { as cat "$dir/server.log" >&2; exit 1; }
# the socket's folder must be open to the account that runs the command
chmod 755 "$dir"

encoded=$(printf '%s' "$dir" | sed 's,/,%2F,g')
DATABASE_URL="postgres://countersign@$encoded/postgres" "$@"
