#!/bin/sh
# Prints the path of a Chromium or Chrome, the one without windows first: tests take half the processor with it.
# CHROMIUM names one directly. Exit 1 where there is none.
for candidate in "${CHROMIUM:-}" chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable \
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" /Applications/Chromium.app/Contents/MacOS/Chromium; do
    if [ -n "$candidate" ] && command -v "$candidate" 2>/dev/null; then exit 0; fi
done
echo "No Chromium was found. Install one (Debian: apt-get install chromium) or set CHROMIUM to its path." >&2
exit 1
