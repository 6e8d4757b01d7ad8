#!/bin/sh
# Installs Debian packages where this machine allows it: as root, or through sudo without a password.
# Exit 1, with a sentence, where it may not; nothing is changed then.
set -eu
[ $# -gt 0 ] || { echo "usage: scripts/apt-install.sh PACKAGE..." >&2; exit 2; }

if ! command -v apt-get >/dev/null 2>&1; then
    echo "This machine has no apt-get: install the equivalent of '$*' with its own package manager." >&2
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    root=""
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    root="sudo -n"
else
    echo "Packages are missing and this account may not install them. Ask for: sudo apt-get install $*" >&2
    exit 1
fi
echo "  Debian packages: $*" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# $root is empty or two words, so it is not quoted
if ! { $root apt-get update -q && DEBIAN_FRONTEND=noninteractive $root apt-get install -y -q --no-install-recommends "$@"; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    echo "apt-get could not install them. Run it by hand and look at its words: sudo apt-get install $*" >&2
    exit 1
fi
