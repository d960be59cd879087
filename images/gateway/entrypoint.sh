#!/bin/sh
# Routes come as YAML in MCP_GATEWAY_ROUTES, since Traefik reads them from a file and the root filesystem is read-only.
set -eu

if [ -z "${MCP_GATEWAY_ROUTES:-}" ]; then
  echo "mcp-gateway: MCP_GATEWAY_ROUTES is empty: give it Traefik's dynamic configuration as YAML" >&2
  exit 2
fi
printf '%s' "$MCP_GATEWAY_ROUTES" > /tmp/routes.yaml

exec traefik \
  --entrypoints.main.address=:8080 \
  --entrypoints.ping.address=127.0.0.1:8082 \
  --ping.entrypoint=ping \
  --providers.file.filename=/tmp/routes.yaml \
  --global.checknewversion=false \
  --global.sendanonymoususage=false \
  --log.format=json \
  --log.level=WARN
