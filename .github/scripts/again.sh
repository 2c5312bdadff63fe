#!/usr/bin/env bash
# Starts the study once more, with one round less to go.
#
#   again.sh PROFILE RUNNER ROUNDS
set -euo pipefail

rounds=$(($3 - 1))
if [ "$rounds" -lt 1 ]; then
    echo "::error::Work is left, but no round to do it in. Start the study again: it goes on where it is." >&2
    exit 1
fi
gh workflow run study.yml --ref "$GITHUB_REF_NAME" \
    --field "profile=$1" --field "runner=$2" --field "rounds=$rounds"
