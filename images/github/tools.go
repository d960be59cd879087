//go:build tools

// Package tools makes the server's command a requirement of this module, so that `go mod tidy` keeps it.
package tools

import _ "github.com/github/github-mcp-server/cmd/github-mcp-server"
