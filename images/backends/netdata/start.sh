#!/bin/sh
# Starts Netdata. It would ask the host's `systemd` which cgroups there are, and in a container there is none to ask.
set -eu
unified=no
if [ -e /host/sys/fs/cgroup/cgroup.controllers ]; then unified=yes; fi
exec /usr/sbin/netdata -D -W set plugin:cgroups "use unified cgroups" "$unified" "$@"
