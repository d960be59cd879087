#!/bin/sh
# server: a PostgreSQL of this stack's own. bootstrap: the same roles and databases on a server that exists.
# health: whether either has done its work. See README.md.
set -eu

home=/opt/mcp-postgres
volume=/var/lib/postgresql/data
sockets=/var/run/postgresql
errors=/tmp/bootstrap-errors
marker=/tmp/bootstrap-done

. "$home/lib.sh"

# The process that a stop has to reach while this shell is still the first one.
child=
stopped() {
  if [ -n "$child" ]; then
    kill -INT "$child" 2>/dev/null || true
    wait "$child" || true
  fi
  exit 0
}

# Two servers on one volume would ruin it, and in containers of their own they cannot see each other's processes. The
# lock goes with the last process that has the file open; who has it can tell that a pid file is a dead server's, and the
# number in it anybody's.
lock_volume() {
  exec 9>"$volume/.lock" || die "cannot write to $volume as user $(id -u): give the volume to that user"
  tries=5
  until flock -n 9; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || die "another container uses this volume: stop that one first; nothing was changed"
    sleep 1
  done
  rm -f "$PGDATA/postmaster.pid"
}

# Refuses data that this image cannot run on, and leaves them as they are.
check_data() {
  mine=$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
  if [ -e "$PGDATA" ]; then
    [ -r "$PGDATA/PG_VERSION" ] ||
      die "the data belong to user $(stat -c %u "$PGDATA") and this image runs as user $(id -u):" \
        "use the image that made them, or give them to that user; nothing was changed"
    theirs=$(cat "$PGDATA/PG_VERSION")
    [ "$theirs" = "$mine" ] ||
      die "the volume holds data of PostgreSQL $theirs and this image is PostgreSQL $mine; nothing was changed." \
        "Go on with an image of PostgreSQL $theirs (mcp:images), or dump the data there and load them into a new volume"
    return
  fi
  strangers=$(ls -A "$volume" | grep -v -e '^\.lock$' -e '^\.initialising$' -e '^lost+found$' || true)
  [ -z "$strangers" ] ||
    die "the volume holds something else than a database of this image ($(echo $strangers | cut -c 1-60));" \
      "give it an empty volume, or empty this one; nothing was changed"
}

# A database cluster comes to be in a folder beside its place and is then moved there whole.
initialise() {
  [ -e "$PGDATA" ] && return
  say "the volume is empty: initialising PostgreSQL $mine"
  rm -rf "$volume/.initialising"
  # The collation is Postgres's own, so that data do not depend on the C library of the image.
  initdb --pgdata="$volume/.initialising" --username=postgres --auth-local=peer --auth-host=scram-sha-256 \
    --encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8 --builtin-locale=C.UTF-8 --data-checksums \
    --no-instructions >/tmp/initdb.log 2>&1 &
  child=$!
  wait "$child" || die "initdb failed: $(tail -n 5 /tmp/initdb.log | tr '\n' ' ')"
  child=
  mv "$volume/.initialising" "$PGDATA"
  sync "$volume" 2>/dev/null || sync
}

# Arguments of postgres. What a statement says is in no log: it may be a password's.
# MCP_PG_SETTINGS has a name=value on each line.
server_arguments() {
  preload=$(cat "$home/preload")
  set -- -c "hba_file=$home/pg_hba.conf" -c "shared_preload_libraries=$preload" -c password_encryption=scram-sha-256 \
    -c logging_collector=off -c log_destination=stderr -c log_statement=none -c log_min_error_statement=panic \
    -c log_min_duration_statement=-1 -c pg_stat_statements.track_utility=off "-c" "log_line_prefix=%m %q%u@%d "
  case $preload in timescaledb,*) set -- "$@" -c timescaledb.telemetry_level=off ;; esac
  for setting in "$@"; do printf '%s\n' "$setting"; done
  printf '%s\n' "${MCP_PG_SETTINGS:-}" | while IFS= read -r setting; do
    [ -z "$setting" ] || printf '%s\n' -c "$setting"
  done
}

# Runs the bootstrap on a server that nobody else can reach: its socket is in a folder of its own, and it has no port.
bootstrap_before_listening() {
  if [ -z "${MCP_BOOTSTRAP_SQL:-}" ]; then
    say "bootstrap: MCP_BOOTSTRAP_SQL is empty: nothing to do"
    return
  fi
  private=$(mktemp -d /tmp/bootstrap.XXXXXX)
  postgres "$@" -c listen_addresses= -c "unix_socket_directories=$private" -c log_error_verbosity=terse &
  child=$!
  until pg_isready -q -h "$private"; do
    kill -0 "$child" 2>/dev/null || { wait "$child" || die "PostgreSQL does not start: see the lines above"; }
    sleep 0.1
  done
  failed=
  apply_bootstrap -h "$private" -U postgres -d postgres || failed=1
  kill -INT "$child"
  wait "$child" || true
  child=
  rm -rf "$private" "$errors"
  [ -z "$failed" ] || die "the bootstrap failed: what it had done so far stays, and the next start goes on from there"
}

serve() {
  [ "$(id -u)" -ne 0 ] || die "PostgreSQL does not run as root: leave out the container's user"
  lock_volume
  check_data
  initialise
  # One argument on each line: no setting has a line break.
  IFS='
'
  set -f
  # shellcheck disable=SC2046
  set -- $(server_arguments)
  unset IFS
  set +f
  bootstrap_before_listening "$@"
  unset MCP_BOOTSTRAP_SQL MCP_PG_SETTINGS
  trap - INT TERM
  exec postgres "$@" -c 'listen_addresses=*' -c "unix_socket_directories=$sockets"
}

# Until it is done; then it stays, so that its health says so.
bootstrap() {
  : "${PGHOST:?is needed: the server to set up}" "${PGUSER:?is needed: an administrator of that server}"
  : "${MCP_BOOTSTRAP_SQL:?is needed: what is to be set up}"
  export PGCONNECT_TIMEOUT="${PGCONNECT_TIMEOUT:-10}"
  pause=1
  rm -f "$marker"
  until apply_bootstrap -d "${PGDATABASE:-postgres}"; do
    say "bootstrap: trying $PGHOST again in $pause s"
    sleep "$pause" &
    wait $!
    pause=$((pause * 2 > 60 ? 60 : pause * 2))
  done
  : >"$marker"
  unset MCP_BOOTSTRAP_SQL PGPASSWORD
  say "bootstrap: done"
  while :; do
    sleep 86400 &
    wait $!
  done
}

trap stopped INT TERM
case "${1:-server}" in
server) serve ;;
bootstrap) bootstrap ;;
# A server that has not been bootstrapped has no socket there.
health) [ -e "$marker" ] || exec pg_isready -q -h "$sockets" ;;
*) die "unknown command \"$1\": use server, bootstrap or health" ;;
esac
