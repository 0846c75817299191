#!/bin/sh
# Makes .venv what the locks say: `bootstrap.sh run` for the server, `bootstrap.sh dev` for tests and checks too.
# It asks the network only when a lock has changed, so that a second start works without one.
set -eu
cd "$(dirname "$0")/.."
kind=$1
tools=.uv  # the installer, in a folder of the project: pip alone takes four times as long
stamp=.venv/installed

fail() {
    echo "$1" >&2
    exit 1
}

for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then
        python=$candidate
        break
    fi
done
[ -n "${python:-}" ] || fail "Ollive needs Python 3.11 or newer: install it, or say where it is with PYTHON=/path/to/python3."

case $kind in
    run) locks="requirements.txt requirements-embedded.txt" ;;
    dev) locks="requirements-dev.txt requirements-embedded.txt" ;;
    *) fail "bootstrap.sh: run or dev" ;;
esac

# One line for each kind that is installed: its name and the hash of its locks.
line_for() {
    "$python" -c 'import hashlib, sys; print(sys.argv[1], hashlib.sha256(b"".join(open(name, "rb").read() for name in sys.argv[2:])).hexdigest())' "$@"
}
# shellcheck disable=SC2086 # the locks are words
line=$(line_for "$kind" $locks)
if [ -x .venv/bin/python ] && grep -qsxF "$line" "$stamp"; then
    exit 0
fi

[ -w . ] || fail "The folder $(pwd) is not writable for this user: Ollive is installed into it."
echo "Installing Ollive's packages into .venv (about half a minute)…" >&2
mkdir -p "$tools"
# A home folder that is missing or not ours must not stop us.
if [ ! -w "${HOME:-/nonexistent}" ]; then
    HOME=$(pwd)/$tools
    export HOME
fi
export UV_PYTHON_DOWNLOADS=never UV_NO_PROGRESS=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

# The installer's own pin and hashes stand in the development lock.
awk '/^uv==/ { found = 1 } found { print } found && !/\\$/ { exit }' requirements-dev.txt > "$tools/uv.txt"
if ! cmp -s "$tools/uv.txt" "$tools/installed.txt"; then
    if "$python" -m pip --version > /dev/null 2>&1; then
        pip="$python -m pip"
    else
        "$python" -m venv "$tools/pip" > /dev/null || fail "Python comes without pip and venv here: install them (Debian: apt install python3-venv)."
        pip=$tools/pip/bin/pip
    fi
    rm -rf "$tools/packages"
    $pip install --quiet --no-deps --require-hashes --upgrade --target "$tools/packages" -r "$tools/uv.txt" \
        || fail "The installer uv could not be fetched: is there a network?"
    cp "$tools/uv.txt" "$tools/installed.txt"
fi
uv=$tools/packages/bin/uv

[ -x .venv/bin/python ] || "$uv" venv --quiet --allow-existing --python "$python" .venv
rm -f "$stamp"
# `sync` installs what the locks name and nothing else, so the embedded servers come without the needs they declare.
# shellcheck disable=SC2086
"$uv" pip sync --quiet --python .venv/bin/python --require-hashes $locks \
    || fail "The packages could not be installed: is there a network?"
{
    echo "$line"
    # Development holds the same versions of all that the server needs.
    [ "$kind" = run ] || line_for run requirements.txt requirements-embedded.txt
} > "$stamp"
