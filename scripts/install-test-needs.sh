#!/bin/sh
# Chromium for the browser tests and PostgreSQL for the second run of the web tests, from Debian where missing.
set -eu
cd "$(dirname "$0")/.."

# Debian has a Chromium without windows, with which browser tests take half the processor; Ubuntu does not
shell=chromium-headless-shell
if [ -z "${CHROMIUM:-}" ] && ! command -v $shell >/dev/null && apt-cache show $shell >/dev/null 2>&1; then
    scripts/apt-install.sh $shell fonts-dejavu-core || echo "The browser tests go on without it, at half the speed." >&2
fi

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
