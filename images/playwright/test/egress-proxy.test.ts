import { createServer, request } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Resolve, startEgressProxy } from "../src/egress-proxy.ts";
import { parseOrigin } from "../src/origins.ts";

const site = createServer((incoming, outgoing) => {
  let body = "";
  incoming.on("data", (chunk) => {
    body += chunk;
  });
  incoming.on("end", () => {
    outgoing
      .writeHead(200, { "x-site": "yes" })
      .end(`${incoming.method} ${incoming.headers.host}${incoming.url} ${body}`);
  });
});
let sitePort = 0;
const log: string[] = [];
const questions: string[] = [];

// DNS of the test: every name is this machine; the second time that one is asked for, it is another one.
const resolve: Resolve = (name, _options, done) => {
  const again = questions.includes(name);
  questions.push(name);
  if (name === "gone.test")
    return done(Object.assign(new Error("getaddrinfo ENOTFOUND gone.test"), { code: "ENOTFOUND" }), []);
  const address = name === "inside.test" || (name === "rebound.test" && again) ? "127.0.0.2" : "127.0.0.1";
  done(null, [{ address, family: 4 }]);
};

let proxyPort = 0;
beforeAll(async () => {
  await new Promise<void>((done) => site.listen(0, "127.0.0.1", done));
  sitePort = (site.address() as AddressInfo).port;
  // In this test, 127.0.0.1 is the public web, and all else of 127 is private.
  const rules = {
    allowed: [],
    blocked: [parseOrigin(`http://blocked.test:${sitePort}`)],
    mayConnect: (address: string) => address === "127.0.0.1",
  };
  proxyPort = Number(new URL(await startEgressProxy(rules, (line) => log.push(line), resolve)).port);
});
afterAll(() => {
  site.close();
  site.closeAllConnections();
});

const ask = (url: string, method = "GET", body = "") =>
  new Promise<{ status: number; text: string; site: unknown }>((done, fail) => {
    const outgoing = request(
      { port: proxyPort, host: "127.0.0.1", path: url, method, headers: { host: new URL(url).host } },
      (answer) => {
        let text = "";
        answer.on("data", (chunk) => {
          text += chunk;
        });
        answer.on("end", () => done({ status: answer.statusCode ?? 0, text, site: answer.headers["x-site"] }));
      },
    );
    outgoing.on("error", fail).end(body);
  });

const tunnel = (target: string) =>
  new Promise<string>((done) => {
    const socket = connect(proxyPort, "127.0.0.1", () =>
      socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`),
    );
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
      if (text.startsWith("HTTP/1.1 200") && !text.includes("x-site"))
        socket.write("GET /tunnelled HTTP/1.1\r\nHost: in.tunnel\r\nConnection: close\r\n\r\n");
    });
    socket.on("close", () => done(text));
  });

describe("the way out", () => {
  test("passes requests on, with their bodies", async () => {
    expect(await ask(`http://open.test:${sitePort}/a?b=c`, "POST", "body")).toEqual({
      status: 200,
      text: `POST open.test:${sitePort}/a?b=c body`,
      site: "yes",
    });
  });

  test("passes tunnels on", async () => {
    const text = await tunnel(`open.test:${sitePort}`);
    expect(text).toMatch(/^HTTP\/1\.1 200 Connection established\r\n\r\nHTTP\/1\.1 200 OK\r\n/);
    expect(text).toContain("GET in.tunnel/tunnelled");
  });

  test.each([
    ["a private address", "127.0.0.3", "127.0.0.3 is a private or local address"],
    ["a name of one", "inside.test", "inside.test (127.0.0.2) is a private or local address"],
  ])("refuses %s", async (_, host, why) => {
    const text = `Refused: ${why}; these are only opened with allowPrivateAddresses\n`;
    expect(await ask(`http://${host}:${sitePort}/`)).toEqual({ status: 403, text, site: undefined });
    expect(await tunnel(`${host}:${sitePort}`)).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
    expect(log.slice(-2)).toEqual(Array(2).fill(`refused: ${text.slice("Refused: ".length).trim()}`));
  });

  test("connects to the very address that it looked at", async () => {
    const before = questions.length;
    expect((await ask(`http://rebound.test:${sitePort}/`)).status).toBe(200);
    expect(questions.slice(before)).toEqual(["rebound.test"]);
    expect((await tunnel(`rebound.test:${sitePort}`)).slice(0, 12)).toBe("HTTP/1.1 403");
  });

  test("refuses a blocked origin without asking DNS for it", async () => {
    expect((await ask(`http://blocked.test:${sitePort}/`)).text).toBe(
      `Refused: blocked.test:${sitePort} is not among the allowed origins, or is a blocked one\n`,
    );
    expect(await tunnel(`blocked.test:${sitePort}`)).toMatch(/^HTTP\/1\.1 403/);
    expect(questions).not.toContain("blocked.test");
  });

  test("says what could not be reached", async () => {
    expect(await ask("http://gone.test/")).toEqual({
      status: 502,
      text: "Not reached: getaddrinfo ENOTFOUND gone.test\n",
      site: undefined,
    });
    expect((await tunnel("nonsense")).slice(0, 12)).toBe("HTTP/1.1 502");
  });
});
