#!/bin/sh
# Prints the folder of PostgreSQL's programs (initdb, pg_ctl), newest first; PG_BIN names one directly.
for folder in "${PG_BIN:-}" $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -rn) \
    /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin; do
    if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then
        echo "$folder"
        exit 0
    fi
done
echo "PostgreSQL 15 or newer was not found. Install it (Debian: apt-get install postgresql) or set PG_BIN." >&2
exit 1
