#!/bin/sh
# Chromium for the browser tests and PostgreSQL for the second run of the web tests, from Debian where missing.
set -eu
cd "$(dirname "$0")/.."

need=""
scripts/find-chromium.sh >/dev/null 2>&1 || need="$need chromium"
scripts/find-postgres.sh >/dev/null 2>&1 || need="$need postgresql"
[ -n "$need" ] || exit 0
echo "The tests need:$need" >&2
# $need is a list of words, so it is not quoted
exec scripts/apt-install.sh $need
