#!/usr/bin/env bash
# Trains what a profile lacks, and stops before GitHub would end the job after six hours.
#
#   train.sh PROFILE
#
# Writes outcome=done, failed (some runs; the record says which and why) or left (go on in another job) to
# $GITHUB_OUTPUT. Fails as `singan run` does, except that work left is no failure.
set -euo pipefail

status=0
singan run --profile "$1" --time-limit 330m || status=$?
case $status in
    0) echo "outcome=done" >>"$GITHUB_OUTPUT" ;;
    1) echo "outcome=failed" >>"$GITHUB_OUTPUT" ;;
    3)
        echo "outcome=left" >>"$GITHUB_OUTPUT"
        exit 0
        ;;
esac
exit "$status"
