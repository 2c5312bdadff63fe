#!/bin/sh
# A cluster on this machine: a scheduler and two workers, and a run that uses them.
# usage: sh local.sh [arguments of singan run, as --profile smoke]
set -eu
port=${SINGAN_PORT:-8786}

singan scheduler --port "$port" &
scheduler=$!
singan worker "tcp://127.0.0.1:$port" --name first &
first=$!
singan worker "tcp://127.0.0.1:$port" --name second &
second=$!
trap 'kill $first $second $scheduler' EXIT

singan run --cluster "tcp://127.0.0.1:$port" "$@"
