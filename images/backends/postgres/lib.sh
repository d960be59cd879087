# What entrypoint.sh's commands share. POSIX sh: Debian's dash and Alpine's busybox run it.

say() { printf 'mcp-postgres: %s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# Applies MCP_BOOTSTRAP_SQL by a psql with the given arguments. Its text goes by standard input and is never shown:
# it holds verifiers. Every change is one line; so is an error.
apply_bootstrap() {
  changes=$(printf '%s\n' "$MCP_BOOTSTRAP_SQL" |
    psql -X -q -A -t -w -v ON_ERROR_STOP=1 -v VERBOSITY=terse "$@" 2>"$errors") || {
    say "bootstrap: $(tr '\n\t' '  ' <"$errors")"
    return 1
  }
  if [ -z "$changes" ]; then
    say "bootstrap: nothing to change"
  else
    printf '%s\n' "$changes" | while IFS= read -r line; do say "bootstrap: $line"; done
  fi
}
