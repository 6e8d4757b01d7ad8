#!/bin/sh
# Creates .venv and installs what constraints.txt pins. Safe to run again: nothing to do takes a moment.
#   PYTHON   the interpreter to use (default: the first of /usr/bin/python3, python3, python3.14 ... python3.11 that is
#            3.11 or newer: what a distribution ships is built with profiles, which one built by pyenv is not)
#   EXTRAS   groups of pyproject.toml to install (default: train,qlora,legal,postgres,dev)
#   TORCH    on Linux, what uv should fetch: auto, cpu, cu130 ... (default: auto)
# Mirrors and proxies: PIP_INDEX_URL or UV_DEFAULT_INDEX, HTTPS_PROXY. A folder of local wheels: PIP_FIND_LINKS.
# A proxy or mirror with a certificate of your organisation's: it is trusted where the system trusts it, or name it in PIP_CERT.
set -eu
cd "$(dirname "$0")"

VENV=${VENV:-.venv}
EXTRAS=${EXTRAS:-train,qlora,legal,postgres,dev}
UV_VERSION=0.13.8
NEED_MB=${SETUP_NEED_MB:-3000}
STAMP=$VENV/countersign-setup
LOG=var/setup.log

say() { printf '%s\n' "$*" >&2; }
stop() {
    say "setup: $*"
    exit 1
}

is_usable() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:-/usr/bin/python3 python3 python3.14 python3.13 python3.12 python3.11}; do
        if command -v "$candidate" >/dev/null 2>&1 && is_usable "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    if found=$("${PYTHON:-python3}" --version 2>/dev/null); then found="${PYTHON:-python3} is $found"; else found="${PYTHON:-python3} does not run"; fi
    stop "Python 3.11 to 3.14 is needed and $found." \
        "Install one (Debian and Ubuntu: apt-get install python3 python3-venv) or name it: PYTHON=/path/to/python3.12 make ..."
}

free_mb() { df -Pk . | awk 'NR == 2 { print int($4 / 1024) }'; }

check_disk() {
    [ "$(free_mb)" -ge "$NEED_MB" ] ||
        stop "$NEED_MB MB of disk are needed and $(free_mb) MB are free in $(pwd). Make room, then run the same command again."
}

# Says what went wrong in one sentence; $1 is what was being done, the log holds the tool's own words.
explain() {
    # some tools keep the system's reason to themselves, so the disk is asked as well
    if grep -qiE 'No space left on device|os error 28' "$LOG" || [ "$(free_mb)" -lt 5 ]; then
        say "setup: the disk is full ($(free_mb) MB free in $(pwd)). Make room, then run the same command again."
    elif grep -qiE 'UnknownIssuer|CERTIFICATE_VERIFY_FAILED|invalid peer certificate' "$LOG"; then
        say "setup: nobody whom this machine trusts has signed the certificate of the package index. If a proxy of your organisation's stands between, set PIP_CERT to the file of its certificate authority, then run the same command again."
    elif grep -qiE 'error sending request|dns error|Connection refused|Failed to establish|Name or service|timed out|Network is unreachable|No matching distribution found for uv|Could not connect' "$LOG"; then
        say "setup: the package index cannot be reached. Connect to the network, or set HTTPS_PROXY, or name a mirror with PIP_INDEX_URL, then run the same command again."
    elif grep -qE "No such file or directory: '?([a-z0-9_-]+-)?(cc|gcc|g\+\+|c\+\+|clang)|command '[^']*(cc|g\+\+|clang)' failed|Python\.h: No such file" "$LOG"; then
        say "setup: a package has no ready build for this machine and could not be compiled here. Install a compiler (Debian and Ubuntu: apt-get install build-essential python3-dev), then run the same command again."
    else
        say "setup: $1 failed. The last lines were:"
        tail -n 8 "$LOG" >&2
    fi
    say "       The whole output is in $LOG."
    exit 1
}

# Runs a command with its output in the log, says every few seconds that it is still going, explains a failure.
step() {
    title=$1
    shift
    say "  $title"
    mkdir -p "$(dirname "$LOG")"
    "$@" >"$LOG" 2>&1 &
    child=$!
    trap 'kill "$child" 2>/dev/null; exit 130' INT TERM
    waited=0
    while kill -0 "$child" 2>/dev/null; do
        sleep 1
        waited=$((waited + 1))
        [ $((waited % 5)) -ne 0 ] || say "    still working, $waited s"
    done
    trap - INT TERM
    wait "$child" || explain "$title"
}

make_venv() {
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        # Debian and Ubuntu keep these in a package of their own.
        scripts/apt-install.sh python3-venv ||
            stop "Python's venv module is missing. Install it (Debian and Ubuntu: apt-get install python3-venv), then run the same command again."
    fi
    mkdir -p "$VENV"
    : >"$VENV/incomplete"
    step "virtual environment in $VENV, with $("$python" --version) of $python" "$python" -m venv "$VENV"
    rm "$VENV/incomplete"
}

fingerprint() {
    cat pyproject.toml constraints.txt setup.sh | "$VENV/bin/python" -c \
        'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest(), sys.version.split()[0], "'"${TORCH:-auto}"'")'
}

is_installed() {
    [ -f "$STAMP" ] && [ "$(sed -n 1p "$STAMP")" = "$(fingerprint)" ] || return 1
    for extra in $(printf '%s' "$EXTRAS" | tr ',' ' '); do
        sed -n 2p "$STAMP" | tr ',' '\n' | grep -qx "$extra" || return 1
    done
}

# uv reads none of pip's variables, and trusts a list of its own where pip trusts the system's.
read_as_pip_does() {
    if [ -n "${PIP_INDEX_URL:-}" ]; then export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-$PIP_INDEX_URL}"; fi
    if [ -n "${PIP_CERT:-}" ]; then export SSL_CERT_FILE="${SSL_CERT_FILE:-$PIP_CERT}"; fi
    # a system without any (a bare container) leaves uv its own
    if [ -s /etc/ssl/certs/ca-certificates.crt ] || [ "$(uname -s)" = Darwin ]; then export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS:-true}"; fi
}

install_torch() {
    version=$(sed -n 's/^torch==//p' constraints.txt)
    wheels=${PIP_FIND_LINKS:-}
    # torch comes first and alone: a later step would otherwise choose the CUDA build on a machine without a GPU
    if [ -n "$wheels" ] && ls "$wheels"/torch-"$version"+cpu-*.whl >/dev/null 2>&1; then
        step "torch $version from $wheels" "$VENV/bin/uv" pip install --python "$VENV" --find-links "$wheels" "torch==$version"
    elif [ "$(uname -s)" = Linux ]; then
        step "torch $version for this machine" "$VENV/bin/uv" pip install --python "$VENV" --torch-backend "${TORCH:-auto}" "torch==$version"
    else
        step "torch $version" "$VENV/bin/uv" pip install --python "$VENV" "torch==$version"
    fi
}

install_all() {
    check_disk
    # extras that an earlier call installed stay
    if [ -f "$STAMP" ]; then EXTRAS=$(sed -n 2p "$STAMP"),$EXTRAS; fi
    rm -f "$STAMP"
    say "Installing into $VENV (only on the first start and after an update):"
    "$VENV/bin/python" -c "from importlib.metadata import version; assert version('uv') == '$UV_VERSION'" 2>/dev/null ||
        step "uv $UV_VERSION" "$VENV/bin/python" -m pip install --disable-pip-version-check --retries 2 "uv==$UV_VERSION"
    read_as_pip_does
    case ",$EXTRAS," in *,train,*) install_torch ;; esac
    step "everything else that constraints.txt pins" "$VENV/bin/uv" pip install --python "$VENV" -c constraints.txt -e ".[$EXTRAS]"
    { fingerprint; printf '%s\n' "$EXTRAS" | tr ',' '\n' | sort -u | paste -s -d , -; } >"$STAMP"
    say "  done."
}

# what an interrupted first start left behind
if [ -e "$VENV/incomplete" ]; then rm -rf "$VENV"; fi
if [ -x "$VENV/bin/python" ]; then
    is_usable "$VENV/bin/python" || stop "$VENV was made with a Python that no longer works here. Remove it (rm -r $VENV), then run the same command again."
else
    check_disk
    make_venv
fi
is_installed || install_all
