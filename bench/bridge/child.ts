/** child.c for machines without a compiler: the same answers, at Node's price. */
let rest = "";

process.stdin.setEncoding("utf8").on("data", (chunk: string) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop() ?? "";
  let out = "";
  for (const line of lines) out += answer(line);
  if (out !== "") process.stdout.write(out);
});
process.stdin.on("end", () => process.exit(0));

function answer(line: string): string {
  const message = JSON.parse(line) as { id?: number | string; method?: string; params?: Record<string, unknown> };
  if (message.id === undefined || message.method === undefined) return "";
  return `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)},${outcome(message.method, message.params ?? {}, line)}}\n`;
}

function outcome(method: string, params: Record<string, unknown>, line: string): string {
  if (method === "ping") return `"result":{}`;
  if (method === "initialize") {
    const result = {
      protocolVersion: params.protocolVersion,
      capabilities: { tools: {} },
      serverInfo: { name: "bench", version: "1" },
    };
    return `"result":${JSON.stringify(result)}`;
  }
  if (method === "tools/list") {
    const tools = ["echo", "blob"].map((name) => ({ name, inputSchema: { type: "object" } }));
    return `"result":${JSON.stringify({ tools })}`;
  }
  if (method !== "tools/call") return `"error":{"code":-32601,"message":"unknown method"}`;
  if (params.name === "blob") {
    const { bytes } = params.arguments as { bytes: number };
    return `"result":{"content":[{"type":"text","text":"${"x".repeat(bytes)}"}]}`;
  }
  if (params.name !== "echo") return `"error":{"code":-32602,"message":"unknown tool"}`;
  // Cut out of the line: parsed and written again, numbers and key order would change here and not in the host.
  return `"result":{"content":[],"structuredContent":${argumentsOf(line)}}`;
}

/** The object after the first `"arguments":`; the load client sends nothing before it that could look like one. */
function argumentsOf(line: string): string {
  const start = line.indexOf("{", line.indexOf('"arguments"'));
  let depth = 0;
  let quoted = false;
  for (let at = start; at < line.length; at++) {
    const char = line[at];
    if (char === "\\") at++;
    else if (char === '"') quoted = !quoted;
    else if (!quoted && char === "{") depth++;
    else if (!quoted && char === "}" && --depth === 0) return line.slice(start, at + 1);
  }
  return "{}";
}
