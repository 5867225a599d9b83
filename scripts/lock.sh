#!/usr/bin/env bash
# Writes requirements.lock from requirements.txt: exact pins for Linux, macOS and Windows, Python 3.11 and newer.
# `scripts/lock.sh` keeps the pins that still fit; `scripts/lock.sh --upgrade` takes the newest releases.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=.venv/bin
[ -d "$tools" ] || tools=.venv/Scripts
lock=requirements.lock
trap 'rm -f "$lock.new"' EXIT
if [ -f "$lock" ]; then cp "$lock" "$lock.new"; fi

# One version of a package for every Python ("fewest"), and no trace of where this machine found it.
"$tools/uv" pip compile requirements.txt --output-file "$lock.new" --universal --python-version 3.11 \
    --fork-strategy fewest --no-annotate --no-header --no-emit-index-url --no-emit-find-links --quiet "$@"
{ echo "# Every exact pin, made by scripts/lock.sh from requirements.txt: change that file, never this one."
  cat "$lock.new"; } > "$lock"
echo "$lock: $(grep -c == "$lock") packages"
