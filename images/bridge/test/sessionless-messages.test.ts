import { describe, expect, test } from "vitest";
import { capabilitiesForServer, needOf } from "../src/client-capabilities.ts";
import { type Message, readMessage } from "../src/envelope.ts";
import { ParamHeaders } from "../src/param-headers.ts";
import { ParkedCalls } from "../src/parked-calls.ts";
import { paramsDigest, RequestStates } from "../src/request-state.ts";
import { checkSessionless } from "../src/sessionless-checks.ts";
import {
  childRequest,
  completeResult,
  discoverResult,
  inputRequired,
  translatedError,
  withProgressToken,
  withSubscription,
} from "../src/sessionless-messages.ts";
import { readFilter } from "../src/subscriptions.ts";
import { PREFIX, requestOf } from "./fixtures/sessionless-client.ts";

function read(json: string | object): Message {
  const bytes = Buffer.from(typeof json === "string" ? json : JSON.stringify({ jsonrpc: "2.0", ...json }));
  const message = readMessage(bytes);
  if (!message.ok) throw new Error(message.message);
  return message.value;
}

const INFO = '{"name":"s","version":"1"}';

describe("a client's request, as the server gets it", () => {
  test("has the bridge's id and token, and nothing of the new revision; all else is word for word", () => {
    const params = `{"b":12345678901234567890,"a":1.0,"_meta":{"${PREFIX}protocolVersion":"x","traceparent":"t","progressToken":"mine"},"inputResponses":{},"requestState":"s"}`;
    const message = read(`{"jsonrpc":"2.0","id":"theirs","method":"tools/call","params":${params}}`);
    expect(childRequest(message, 7, "9").toString()).toBe(
      '{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"b":12345678901234567890,"a":1.0,"_meta":{"traceparent":"t","progressToken":9}}}',
    );
  });

  test("without a token has no _meta when nothing is left in it, nor params", () => {
    const meta = { [`${PREFIX}clientCapabilities`]: {}, progressToken: 5 };
    const message = read({ id: 1, method: "tools/list", params: { _meta: meta } });
    expect(childRequest(message, 2, undefined).toString()).toBe('{"jsonrpc":"2.0","id":2,"method":"tools/list"}');
  });

  test("is one line", () => {
    const message = read('{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":\n{\r\n}}}');
    expect(childRequest(message, 1, undefined).toString()).toBe(
      '{"jsonrpc":"2.0","id":1,"method":"m","params":{"a": {  }}}',
    );
  });
});

describe("a server's result, as the client gets it", () => {
  test("says that it is complete and who answered; numbers and order stay", () => {
    const message = read('{"jsonrpc":"2.0","id":3,"result":{"z":12345678901234567890,"_meta":{"k":1.0},"a":[1e2]}}');
    expect(completeResult(message, '"id"', { cacheable: false, serverInfo: INFO }).toString()).toBe(
      `{"jsonrpc":"2.0","id":"id","result":{"resultType":"complete","_meta":{"k":1.0,"${PREFIX}serverInfo":${INFO}},"z":12345678901234567890,"a":[1e2]}}`,
    );
  });

  test("may not be cached unless somebody knows better", () => {
    const message = read({ id: 3, result: { tools: [], ttlMs: 5, resultType: "x" } });
    expect(JSON.parse(completeResult(message, "4", { cacheable: true, serverInfo: INFO }).toString())).toEqual({
      jsonrpc: "2.0",
      id: 4,
      result: {
        resultType: "complete",
        ttlMs: 0,
        cacheScope: "private",
        _meta: { [`${PREFIX}serverInfo`]: { name: "s", version: "1" } },
        tools: [],
      },
    });
  });

  test("server/discover is what it said to initialize, without the tasks of 2025", () => {
    const capabilities = { tools: {}, tasks: { list: {} }, completions: {} };
    const initialize = read({
      id: 1,
      result: { protocolVersion: "2025-11-25", capabilities, instructions: "Be kind." },
    });
    expect(JSON.parse(discoverResult(initialize, "1", INFO).toString()).result).toEqual({
      resultType: "complete",
      supportedVersions: ["2026-07-28"],
      capabilities: { tools: {}, completions: {} },
      ttlMs: 0,
      cacheScope: "private",
      instructions: "Be kind.",
      _meta: { [`${PREFIX}serverInfo`]: { name: "s", version: "1" } },
    });
  });
});

describe("a server's error, as the client gets it", () => {
  const translate = (error: object, uri?: string) => {
    const { status, body } = translatedError(read({ id: 1, error }), "1", uri);
    return [status, JSON.parse(body.toString()).error];
  };
  test.each([
    [
      "-32002 is -32602 with the resource",
      { code: -32002, message: "m" },
      "r:1",
      200,
      { code: -32602, message: "m", data: { uri: "r:1" } },
    ],
    [
      "data of the server stays",
      { code: -32002, message: "m", data: { uri: "own", x: 1 } },
      "r:1",
      200,
      { code: -32602, message: "m", data: { uri: "own", x: 1 } },
    ],
    [
      "-32602 of a resource names it too",
      { code: -32602, message: "m" },
      "r:1",
      200,
      { code: -32602, message: "m", data: { uri: "r:1" } },
    ],
    ["-32602 of a call stays", { code: -32602, message: "m" }, undefined, 200, { code: -32602, message: "m" }],
    ["-32601 is 404", { code: -32601, message: "m" }, undefined, 404, { code: -32601, message: "m" }],
    ["-32042 does not exist any more", { code: -32042, message: "m" }, undefined, 200, { code: -32603, message: "m" }],
    ["any other stays", { code: -5, message: "m", data: [1] }, "r:1", 200, { code: -5, message: "m", data: [1] }],
    [
      "what is no error code is an internal error",
      { code: "x" },
      undefined,
      200,
      { code: -32603, message: "the server gave no message" },
    ],
  ])("%s", (_name, error, uri, status, expected) => {
    expect(translate(error, uri)).toEqual([status, expected]);
  });
});

test("an error whose data is no JSON comes without it", () => {
  const broken = read('{"jsonrpc":"2.0","id":1,"error":{"code":-5,"message":"m","data":{"a":tru}}}');
  expect(translatedError(broken, "1", undefined).body.toString()).toBe(
    '{"jsonrpc":"2.0","id":1,"error":{"code":-5,"message":"m"}}',
  );
});

test("progress goes out with the client's token, word for word", () => {
  const message = read(
    '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1.50,"progressToken":3}}',
  );
  expect(withProgressToken(message, "12345678901234567890").toString()).toBe(
    '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":12345678901234567890,"progress":1.50}}',
  );
});

test("what is announced to a subscription names it", () => {
  const message = read({ method: "notifications/resources/updated", params: { uri: "r:1", _meta: { k: 1 } } });
  expect(JSON.parse(withSubscription(message, '"l"').toString())).toEqual({
    jsonrpc: "2.0",
    method: "notifications/resources/updated",
    params: { uri: "r:1", _meta: { k: 1, [`${PREFIX}subscriptionId`]: "l" } },
  });
});

test("input_required carries the server's requests word for word", () => {
  const asks = [
    {
      key: "elicitation-1",
      message: read('{"jsonrpc":"2.0","id":"a","method":"elicitation/create","params":{"n":1.0}}'),
    },
    { key: "roots-2", message: read({ id: "b", method: "roots/list" }) },
  ];
  expect(inputRequired("1", asks, "state", INFO).toString()).toBe(
    `{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{"elicitation-1":{"method":"elicitation/create","params":{"n":1.0}},"roots-2":{"method":"roots/list","params":{}}},"requestState":"state","_meta":{"${PREFIX}serverInfo":${INFO}}}}`,
  );
});

describe("what a request must bring", () => {
  type Change = (parts: ReturnType<typeof requestOf>) => void;
  const check = (change: Change, method = "tools/call", params: Record<string, unknown> = { name: "t" }) => {
    const parts = requestOf(method, params);
    change(parts);
    const checked = checkSessionless(parts.headers, read(parts.message));
    return checked.ok ? "served" : [checked.refusal.status, checked.refusal.code, checked.refusal.data];
  };
  const meta = (parts: ReturnType<typeof requestOf>) => parts.message.params._meta;
  const logLevel =
    (level: string): Change =>
    (parts) => {
      meta(parts)[`${PREFIX}logLevel`] = level;
    };
  const header =
    (name: string, value: string): Change =>
    (parts) => {
      parts.headers[name] = value;
    };
  const without =
    (name: string): Change =>
    (parts) =>
      void delete parts.headers[name];
  const versions = { supported: ["2026-07-28"], requested: "2099-01-01" };

  test.each<[string, Change, unknown]>([
    ["all there", () => {}, "served"],
    ["no _meta", (parts) => void delete parts.message.params._meta, [400, -32602, undefined]],
    ["no version", (parts) => void delete meta(parts)[`${PREFIX}protocolVersion`], [400, -32602, undefined]],
    ["no capabilities", (parts) => void delete meta(parts)[`${PREFIX}clientCapabilities`], [400, -32602, undefined]],
    ["an unknown log level", logLevel("loud"), [400, -32602, undefined]],
    ["a known log level", logLevel("notice"), "served"],
    ["no version header", without("mcp-protocol-version"), [400, -32020, undefined]],
    ["another version header", header("mcp-protocol-version", "2025-11-25"), [400, -32020, undefined]],
    ["no method header", without("mcp-method"), [400, -32020, undefined]],
    ["a method header in other case", header("mcp-method", "TOOLS/CALL"), [400, -32020, undefined]],
    ["no name header", without("mcp-name"), [400, -32020, undefined]],
    ["another name header", header("mcp-name", "u"), [400, -32020, undefined]],
    ["a name header in base64", header("mcp-name", "=?base64?dA==?="), "served"],
    ["a name header in base64 without padding", header("mcp-name", "=?base64?dA?="), [400, -32020, undefined]],
    ["a name header in half of the base64 form", header("mcp-name", "=?base64?dA=="), [400, -32020, undefined]],
    [
      "a version that is not served",
      (parts) => {
        meta(parts)[`${PREFIX}protocolVersion`] = "2099-01-01";
        parts.headers["mcp-protocol-version"] = "2099-01-01";
      },
      [400, -32022, versions],
    ],
  ])("%s", (_name, change, expected) => {
    expect(check(change)).toEqual(expected);
  });

  test.each([
    "initialize",
    "ping",
    "logging/setLevel",
    "resources/subscribe",
    "resources/unsubscribe",
    "tasks/get",
    "x",
  ])("%s is no method of the era", (method) => {
    expect(check(() => {}, method, {})).toEqual([404, -32601, undefined]);
  });

  test("a resource is named by its URI", () => {
    expect(check(() => {}, "resources/read", { uri: "r:1" })).toBe("served");
    expect(check(header("mcp-name", "r:2"), "resources/read", { uri: "r:1" })).toEqual([400, -32020, undefined]);
  });
});

describe("arguments that headers repeat", () => {
  const properties = {
    region: { type: "string", "x-mcp-header": "Region" },
    plain: { type: "string" },
    deep: { type: "object", properties: { n: { type: "integer", "x-mcp-header": "Deep-N" } } },
    list: { type: "array", items: { type: "string", "x-mcp-header": "Never" } },
    bad: { type: "string", "x-mcp-header": "no token" },
  };
  const headersOf = new ParamHeaders();
  headersOf.learn(read({ id: 1, result: { tools: [{ name: "other" }, { name: "t", inputSchema: { properties } }] } }));
  const check = (args: object, headers: Record<string, string>, name = "t") =>
    headersOf.check(headers, read({ id: 1, method: "tools/call", params: { name, arguments: args } }))?.code ??
    "served";

  test.each([
    ["equal", { region: "eu" }, { "mcp-param-region": "eu" }, "served"],
    ["missing", { region: "eu" }, {}, -32020],
    ["different", { region: "eu" }, { "mcp-param-region": "us" }, -32020],
    ["in base64", { region: "é" }, { "mcp-param-region": "=?base64?w6k=?=" }, "served"],
    ["in broken base64", { region: "é" }, { "mcp-param-region": "=?base64?w6k?=" }, -32020],
    ["a number", { deep: { n: 42 } }, { "mcp-param-deep-n": "42" }, "served"],
    ["another number", { deep: { n: 42 } }, { "mcp-param-deep-n": "43" }, -32020],
    ["nothing for zero", { deep: { n: 0 } }, { "mcp-param-deep-n": "" }, -32020],
    ["true", { region: true }, { "mcp-param-region": "true" }, "served"],
    ["without an argument", {}, { "mcp-param-region": "eu" }, -32020],
    ["neither, for null", { region: null }, {}, "served"],
    ["not marked", { plain: "x", list: ["y"], bad: "z" }, {}, "served"],
    ["of no scalar", { region: ["eu"] }, {}, "served"],
  ])("%s", (_name, args, headers, expected) => {
    expect(check(args, headers)).toBe(expected);
  });

  test("are only those of the tool that is called", () => {
    expect(check({ region: "eu" }, {}, "other")).toBe("served");
    expect(check({ region: "eu" }, {}, "unlisted")).toBe("served");
  });
});

describe("client capabilities", () => {
  const server = (declared: Record<string, unknown>, hidden: string[] = []) =>
    JSON.stringify(capabilitiesForServer(declared, (name) => hidden.includes(name)));

  test("are told in one order, without what a server of 2025 cannot use", () => {
    expect(
      server({
        sampling: { tools: {}, x: {} },
        roots: { listChanged: true },
        extensions: {},
        elicitation: { url: {} },
      }),
    ).toBe('{"elicitation":{"url":{}},"roots":{},"sampling":{"tools":{}}}');
  });

  test("are hidden where the server must not see them", () => {
    expect(server({ roots: {}, sampling: {} }, ["roots"])).toBe('{"sampling":{}}');
  });

  test.each([
    ["roots/list", {}, {}, { roots: {} }],
    ["roots/list", {}, { roots: {} }, undefined],
    ["sampling/createMessage", {}, {}, { sampling: {} }],
    ["sampling/createMessage", { tools: [] }, {}, { sampling: { tools: {} } }],
    ["sampling/createMessage", { tools: [] }, { sampling: {} }, { sampling: { tools: {} } }],
    ["sampling/createMessage", { tools: [] }, { sampling: { tools: {} } }, undefined],
    ["elicitation/create", {}, {}, { elicitation: {} }],
    ["elicitation/create", {}, { elicitation: {} }, undefined],
    ["elicitation/create", {}, { elicitation: { url: {} } }, { elicitation: { form: {} } }],
    ["elicitation/create", { mode: "url" }, { elicitation: {} }, { elicitation: { url: {} } }],
    ["elicitation/create", { mode: "url" }, { elicitation: { url: {} } }, undefined],
  ])("%s %j with %j", (method, params, declared, required) => {
    const need = needOf(read({ id: 1, method, params }), declared);
    expect(need).toEqual(required === undefined ? { kind: "met" } : { kind: "missing", required });
  });

  test("do not cover what no revision knows", () => {
    expect(needOf(read({ id: 1, method: "ask/anything" }), {})).toEqual({ kind: "unknown method" });
  });
});

describe("requestState", () => {
  const states = new RequestStates(Buffer.alloc(32, 1));
  const binding = { method: "tools/call", params: "digest", principal: "me" };
  const state = states.sign(binding, "call", 1_000);

  test("leads to its call", () => {
    expect(states.verify(state, binding, 999)).toEqual({ ok: true, call: "call" });
  });

  test("is good for any process with the same key, and for none with another", () => {
    expect(new RequestStates(Buffer.alloc(32, 1)).verify(state, binding, 0)).toEqual({ ok: true, call: "call" });
    expect(new RequestStates().verify(state, binding, 0)).toMatchObject({ ok: false });
  });

  test.each([
    ["another method", state, { ...binding, method: "prompts/get" }],
    ["another call", state, { ...binding, params: "other" }],
    ["another caller", state, { ...binding, principal: "you" }],
    ["no caller", state, { ...binding, principal: undefined }],
    ["more at its end", `${state}-TAMPERED`, binding],
    ["a character at its end", `${state}A`, binding],
    ["a later expiry", state.replace(".rs.", ".zz."), binding],
    ["nothing", "", binding],
    ["one part more", `${state}.x`, binding],
  ])("is refused with %s", (_name, text, bound) => {
    expect(states.verify(text, bound, 0)).toEqual({
      ok: false,
      fault: "`requestState` was not given for this call; send it back as it came",
    });
  });

  test("expires", () => {
    expect(states.verify(state, binding, 1_000)).toEqual({
      ok: false,
      fault: "`requestState` has expired; make the call again without it",
    });
  });

  test("is bound to what is asked for, not to how it is written", () => {
    const digest = (params: string) => paramsDigest(read(`{"jsonrpc":"2.0","id":1,"method":"m","params":${params}}`));
    const first = digest('{"name":"t","arguments":{"a":1,"b":{"c":2,"d":3}},"_meta":{"x":1}}');
    expect(digest('{ "arguments": {"b":{"d":3,"c":2}, "a":1},"name":"t","inputResponses":{},"requestState":"s"}')).toBe(
      first,
    );
    expect(digest('{"name":"t","arguments":{"a":1,"b":{"c":2,"d":4}}}')).not.toBe(first);
  });
});

test("of calls that wait for input, the oldest of its kind goes when there are too many", () => {
  const gone: string[] = [];
  const call = (name: string) => ({ name, abandon: () => void gone.push(name) });
  const parked = new ParkedCalls<ReturnType<typeof call>>(2, 60_000);
  for (const [id, key] of [
    ["a", "x"],
    ["b", "y"],
    ["c", "x"],
    ["d", "x"],
  ] as const)
    parked.add(id, key, call(id));
  expect(gone).toEqual(["a"]);
  expect(parked.take("c")?.name).toBe("c");
  expect(parked.take("c")).toBeUndefined();
  parked.clear("over");
  expect(gone).toEqual(["a", "b", "d"]);
});

describe("what a subscription asks for", () => {
  const filter = (notifications: unknown) =>
    readFilter(read({ id: 1, method: "subscriptions/listen", params: { notifications } }));
  test("is read without what it does not want, each URI once", () => {
    const wanted = {
      toolsListChanged: true,
      promptsListChanged: false,
      resourceSubscriptions: ["a", "b", "a"],
      other: 1,
    };
    expect(filter(wanted)).toEqual({ toolsListChanged: true, resourceSubscriptions: ["a", "b"] });
  });
  test.each([
    [undefined, '"params.notifications" must be an object'],
    [{ toolsListChanged: 1 }, '"toolsListChanged" must be true or false'],
    [{ resourceSubscriptions: "a" }, '"resourceSubscriptions" must be a list of URIs'],
    [{ resourceSubscriptions: [1] }, '"resourceSubscriptions" must be a list of URIs'],
  ])("%j is refused", (notifications, fault) => {
    expect(filter(notifications)).toBe(fault);
  });
});
