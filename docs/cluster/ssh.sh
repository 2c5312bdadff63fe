#!/bin/sh
# Workers on other machines, reached by ssh: one on each host named in SINGAN_HOSTS, whose shell finds `singan`.
# usage: SINGAN_HOSTS="ada bob" SINGAN_SCHEDULER=tls://HOST:8786 sh ssh.sh
#
# The scheduler runs already; each host has the certificates and the variables that name them (docs/cluster.md).
# Workers end when this ends.
set -eu

workers=
for host in $SINGAN_HOSTS; do
    # -tt: the far side has a terminal, so that it is told when this side hangs up
    ssh -tt "$host" singan worker "$SINGAN_SCHEDULER" --name "$host" </dev/null &
    workers="$workers $!"
done
trap 'kill $workers 2>/dev/null' EXIT INT TERM
wait
