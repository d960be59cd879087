/*
 * The MCP server behind every host that is measured: it costs next to nothing, so that what is measured is the host.
 * It answers initialize, ping, tools/list, tools/call of `echo` (its arguments come back byte for byte as
 * `structuredContent`) and of `blob` (`{"bytes":N}`: a text of that size). One message per line, in order.
 * child.ts is the same for machines without a compiler, child-command.ts builds it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
  const char *at;
  size_t size;
} Span;

static char *out;
static size_t out_used, out_room;

static void put(const char *bytes, size_t size) {
  if (out_used + size > out_room) {
    out_room = (out_used + size) * 2;
    out = realloc(out, out_room);
    if (out == NULL) exit(1);
  }
  memcpy(out + out_used, bytes, size);
  out_used += size;
}

static void put_text(const char *text) { put(text, strlen(text)); }

static void flush_out(void) {
  for (size_t sent = 0; sent < out_used;) {
    ssize_t wrote = write(1, out + sent, out_used - sent);
    if (wrote <= 0) exit(0);
    sent += (size_t)wrote;
  }
  out_used = 0;
}

/* `at` is an opening quote; returns what follows the closing one. */
static const char *after_string(const char *at, const char *end) {
  for (at++; at < end; at++) {
    const char *quote = memchr(at, '"', (size_t)(end - at));
    if (quote == NULL) return end;
    size_t slashes = 0;
    while (quote - slashes > at && quote[-1 - (long)slashes] == '\\') slashes++;
    at = quote;
    if (slashes % 2 == 0) return at + 1;
  }
  return end;
}

static const char *after_blank(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\r')) at++;
  return at;
}

static const char *after_value(const char *at, const char *end) {
  if (at >= end) return end;
  if (*at == '"') return after_string(at, end);
  if (*at != '{' && *at != '[') {
    while (at < end && *at != ',' && *at != '}' && *at != ']' && *at != ' ') at++;
    return at;
  }
  for (int depth = 0; at < end;) {
    if (*at == '"') {
      at = after_string(at, end);
      continue;
    }
    if (*at == '{' || *at == '[') depth++;
    if (*at == '}' || *at == ']') depth--;
    at++;
    if (depth == 0) return at;
  }
  return end;
}

/* The value of `key` (with its quotes) in the object that starts at `object.at`; empty if it has none. */
static Span member(Span object, const char *key) {
  const char *end = object.at + object.size;
  const char *at = after_blank(object.at, end);
  if (at < end && *at == '{') at++;
  while (at < end) {
    at = after_blank(at, end);
    if (at >= end || *at != '"') break;
    const char *name = at;
    at = after_string(at, end);
    size_t length = (size_t)(at - name);
    at = after_blank(at, end);
    if (at < end && *at == ':') at = after_blank(at + 1, end);
    const char *value = at;
    at = after_value(at, end);
    if (length == strlen(key) && memcmp(name, key, length) == 0) return (Span){value, (size_t)(at - value)};
    at = after_blank(at, end);
    if (at < end && *at == ',') at++;
  }
  return (Span){NULL, 0};
}

static int is(Span span, const char *text) {
  return span.at != NULL && span.size == strlen(text) && memcmp(span.at, text, span.size) == 0;
}

static void call(Span params) {
  Span name = member(params, "\"name\"");
  Span arguments = member(params, "\"arguments\"");
  if (is(name, "\"echo\"") && arguments.at != NULL) {
    put_text("\"result\":{\"content\":[],\"structuredContent\":");
    put(arguments.at, arguments.size);
    put_text("}}\n");
  } else if (is(name, "\"blob\"") && arguments.at != NULL) {
    Span bytes = member(arguments, "\"bytes\"");
    size_t size = bytes.at == NULL ? 0 : strtoul(bytes.at, NULL, 10);
    put_text("\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"");
    static char block[4096];
    memset(block, 'x', sizeof block);
    for (size_t left = size; left > 0;) {
      size_t part = left < sizeof block ? left : sizeof block;
      put(block, part);
      left -= part;
    }
    put_text("\"}]}}\n");
  } else {
    put_text("\"error\":{\"code\":-32602,\"message\":\"unknown tool\"}}\n");
  }
}

static void answer(Span line) {
  Span id = member(line, "\"id\"");
  Span method = member(line, "\"method\"");
  if (id.at == NULL || method.at == NULL) return;
  Span params = member(line, "\"params\"");
  put_text("{\"jsonrpc\":\"2.0\",\"id\":");
  put(id.at, id.size);
  put_text(",");
  if (is(method, "\"tools/call\"") && params.at != NULL) {
    call(params);
  } else if (is(method, "\"initialize\"") && params.at != NULL) {
    Span version = member(params, "\"protocolVersion\"");
    put_text("\"result\":{\"protocolVersion\":");
    put(version.at, version.size);
    put_text(",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"bench\",\"version\":\"1\"}}}\n");
  } else if (is(method, "\"ping\"")) {
    put_text("\"result\":{}}\n");
  } else if (is(method, "\"tools/list\"")) {
    put_text("\"result\":{\"tools\":[{\"name\":\"echo\",\"inputSchema\":{\"type\":\"object\"}},"
             "{\"name\":\"blob\",\"inputSchema\":{\"type\":\"object\"}}]}}\n");
  } else {
    put_text("\"error\":{\"code\":-32601,\"message\":\"unknown method\"}}\n");
  }
}

int main(void) {
  size_t room = 1 << 16, used = 0, scanned = 0;
  char *in = malloc(room);
  if (in == NULL) return 1;
  for (;;) {
    if (used == room) {
      room *= 2;
      in = realloc(in, room);
      if (in == NULL) return 1;
    }
    ssize_t got = read(0, in + used, room - used);
    if (got <= 0) return 0;
    used += (size_t)got;
    char *start = in, *newline;
    while ((newline = memchr(in + scanned, '\n', used - scanned)) != NULL) {
      answer((Span){start, (size_t)(newline - start)});
      start = newline + 1;
      scanned = (size_t)(start - in);
      if (out_used > 1 << 16) flush_out();
    }
    flush_out();
    used -= (size_t)(start - in);
    memmove(in, start, used);
    scanned = used;
  }
}
