#!/bin/sh
# Chromium for the browser tests and PostgreSQL for the second run of the web tests, from Debian where missing.
set -eu
cd "$(dirname "$0")/.."

need=""
# without a font, pages are drawn as empty boxes
scripts/find-chromium.sh >/dev/null 2>&1 || need="$need chromium fonts-dejavu-core"
scripts/find-postgres.sh >/dev/null 2>&1 || need="$need postgresql"
[ -n "$need" ] || exit 0
echo "The tests need:$need" >&2
# $need is a list of words, so it is not quoted
scripts/apt-install.sh $need
# Ubuntu's chromium is a snap, which cannot be installed everywhere: what counts is what is there now
scripts/find-chromium.sh >/dev/null
scripts/find-postgres.sh >/dev/null
