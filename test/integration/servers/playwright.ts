import type { Server } from "node:http";
import { inflateSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callText, clientWithRoots, type TestClient } from "../clients.ts";
import { docker } from "../test-stack.ts";
import { type Fleet, type ServerProof, transports } from "./proof.ts";
import { clientInside, hostAddress, startSite } from "./site.ts";

/** What the page of the tests is made of: something for every tool. */
const page = `<!doctype html><meta charset="utf-8"><title>Shop</title><link rel="icon" href="data:,">
<style>body{margin:0;background:#123456;color:#fff} @media (prefers-color-scheme: dark){#scheme::after{content:"dark"}}</style>
<h1>Orders</h1><input id="name" aria-label="Name"><button id="go">Go</button><p id="said" aria-label="said"></p>
<select id="size" aria-label="Size"><option>small<option>large</select><input id="file" type="file">
<a href="/second">Second page</a><div id="from" draggable="true">from</div><div id="to">to</div><button id="ask">Ask</button>
<script>
  const say = (text) => { console.log(text); document.querySelector("#said").textContent = text; };
  const on = (id, event, text) => document.querySelector(id).addEventListener(event, (e) => { e.preventDefault(); say(text(e)); });
  on("#go", "click", () => "Hello " + document.querySelector("#name").value);
  on("#size", "change", (e) => "Size " + e.target.value);
  on("#file", "change", (e) => "File " + e.target.files[0].name);
  on("#name", "keydown", (e) => "Key " + e.key);
  on("#ask", "mouseenter", () => "Over");
  on("#ask", "click", () => "Answer " + prompt("Which?"));
  on("#to", "dragover", () => "Dragged over");
  on("#to", "drop", (e) => "Dropped " + (e.dataTransfer.getData("text/plain") || "nothing"));
</script>`;

interface Png {
  readonly width: number;
  readonly height: number;
  /** The colour of the last pixel, as red, green, blue. */
  readonly corner: readonly number[];
}

/** Reads an image as far as it takes to know that it is whole. */
function readPng(base64: string): Png {
  const bytes = Buffer.from(base64, "base64");
  expect(bytes.subarray(0, 8)).toEqual(Buffer.from("\x89PNG\r\n\x1a\n", "latin1"));
  const data: Buffer[] = [];
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at))
    if (bytes.toString("latin1", at + 4, at + 8) === "IDAT")
      data.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)));
  const [width, height, channels] = [bytes.readUInt32BE(16), bytes.readUInt32BE(20), bytes[25] === 6 ? 4 : 3];
  const rows = inflateSync(Buffer.concat(data));
  expect(rows.length).toBe(height * (1 + width * channels));
  return { width, height, corner: lastPixel(rows, width, height, channels) };
}

/** Undoes the filters of a PNG, row by row, and gives the last pixel. */
function lastPixel(rows: Buffer, width: number, height: number, channels: number): number[] {
  const length = width * channels;
  let above = new Uint8Array(length);
  for (let y = 0; y < height; y++) {
    const start = y * (length + 1);
    const filter = rows[start];
    const row = new Uint8Array(length);
    for (let x = 0; x < length; x++) {
      const [a, b, c] = [row[x - channels] ?? 0, above[x] ?? 0, above[x - channels] ?? 0];
      const near = [a, b, c].reduce((best, one) =>
        Math.abs(a + b - c - one) < Math.abs(a + b - c - best) ? one : best,
      );
      const guess = [0, a, b, (a + b) >> 1, near][filter ?? 0] ?? 0;
      row[x] = (rows[start + 1 + x] ?? 0) + guess;
    }
    above = row;
  }
  return [...above.subarray(length - channels, length - channels + 3)];
}

/** Command lines of the browsers' processes in a container. */
const browsers = (container: string) =>
  docker("top", container, "-eo", "pid,stat,args")
    .split("\n")
    .filter((line) => /chromium|defunct/.test(line));

/** A session as the bridge starts it, but for its options. */
const command = ["node", "/opt/playwright/src/session.ts"];

export const playwright: ServerProof = {
  options: () => ({
    allowPrivateAddresses: true,
    blockedOrigins: ["http://blocked.test:*"],
    viewport: "800x600",
    maxSessions: 2,
  }),

  prove(fleet: Fleet) {
    let origin: string;
    let elsewhere: string;
    let visits = 0;
    const servers: Server[] = [];
    const container = fleet.stack.container("playwright");
    const text = async (client: TestClient, tool: string, args: Record<string, unknown> = {}) =>
      (await callText(client, tool, args)).text;

    beforeAll(async () => {
      const address = hostAddress(container);
      const other = await startSite(address, (_, response) => {
        visits++;
        response.end("<h1>Elsewhere</h1>");
      });
      const site = await startSite(address, ({ url }, response) => {
        if (url === "/away") return response.writeHead(302, { location: `${other.origin}/` }).end();
        if (url === "/home") return response.writeHead(302, { location: "http://127.0.0.1:8080/health" }).end();
        return response
          .writeHead(200, { "content-type": "text/html" })
          .end(url === "/second" ? "<h1>Second</h1>" : page);
      });
      servers.push(other.server, site.server);
      [origin, elsewhere] = [site.origin, other.origin];
    });
    afterAll(() => {
      for (const server of servers) server.close().closeAllConnections();
    });

    describe.each(transports)("a browser for %s", (transport) => {
      let client: TestClient;
      const call = (tool: string, args: Record<string, unknown> = {}) => text(client, tool, args);
      beforeAll(async () => {
        client = await fleet.connect(transport, "playwright");
      });
      afterAll(() => client.close());

      test("opens a page and says what is on it", async () => {
        const opened = await call("browser_navigate", { url: origin });
        expect(opened).toContain("- Page Title: Shop");
        // The snapshot itself, where upstream names a file in the container.
        expect(opened).toMatch(/### Snapshot\n```yaml\n[^`]*heading "Orders" \[level=1\]/);
        expect(opened).not.toContain(".yml");
        expect(await call("browser_snapshot")).toMatch(/- button "Go" \[ref=\w+\]/);
        expect(await call("browser_find", { text: "second page" })).toContain('link "Second page"');
      });

      test("types, clicks and chooses", async () => {
        const [, name] = /textbox "Name" \[ref=(\w+)\]/.exec(await call("browser_snapshot")) ?? [];
        await call("browser_type", { element: "name", target: name, text: "Ada" });
        const clicked = await call("browser_click", { element: "go", target: "#go" });
        expect(clicked).toContain("Hello Ada");
        expect(await call("browser_select_option", { target: "#size", values: ["large"] })).toContain("Size large");
        expect(await call("browser_hover", { target: "#ask" })).toContain("Over");
        const fields = [{ name: "Name", target: "#name", type: "textbox", element: "name", value: "Grace" }];
        expect(await call("browser_fill_form", { fields })).toContain("Grace");
        await call("browser_click", { target: "#name" });
        await call("browser_press_key", { key: "ArrowLeft" });
        expect(await call("browser_snapshot")).toContain("Key ArrowLeft");
        expect(await call("browser_drag", { startTarget: "#from", endTarget: "#to" })).toMatch(/Dropped nothing/);
        const dropped = await call("browser_drop", { target: "#to", data: { "text/plain": "words" } });
        expect(dropped).toContain("Dropped words");
        expect(await call("browser_wait_for", { text: "Dropped words" })).toContain("Dropped words");
      });

      test("answers what a page asks, and gives it files of the session alone", async () => {
        expect(await call("browser_click", { target: "#ask" })).toContain('["prompt" dialog with message "Which?"]');
        await call("browser_handle_dialog", { accept: true, promptText: "this" });
        expect(await call("browser_snapshot", { filename: "seen.yml" })).toContain("Answer this");
        await call("browser_click", { target: "#file" });
        expect(await call("browser_file_upload", { paths: ["/etc/passwd"] })).toMatch(/Error.*outside allowed roots/s);
        expect(await call("browser_file_upload", { paths: ["seen.yml"] })).toContain("File seen.yml");
      });

      test("photographs the page", async () => {
        await call("browser_emulate_media", { colorScheme: "dark" });
        const shot = (await client.callTool({ name: "browser_take_screenshot", arguments: { scale: "css" } })) as {
          content: { type: string; mimeType?: string; data?: string }[];
        };
        const image = shot.content.find(({ type }) => type === "image");
        expect(image?.mimeType).toBe("image/png");
        expect(readPng(image?.data ?? "")).toEqual({ width: 800, height: 600, corner: [0x12, 0x34, 0x56] });
        await call("browser_resize", { width: 400, height: 300 });
        expect(await call("browser_evaluate", { function: "() => innerWidth * innerHeight" })).toContain("120000");
      });

      test("tells what the page logged and asked for", async () => {
        expect(await call("browser_console_messages", { level: "info", all: true })).toContain("Hello Ada");
        const requests = await call("browser_network_requests", { static: true });
        expect(requests).toContain(`[GET] ${origin}/ => [200] OK`);
        const index = Number(/^(\d+)\. .*\[200\]/m.exec(requests)?.[1]);
        const body = await call("browser_network_request", { index, part: "response-body" });
        expect(body).toContain("<title>Shop</title>");
      });

      test("goes forth and back, and keeps tabs", async () => {
        await call("browser_navigate", { url: `${origin}/second` });
        expect(await call("browser_navigate_back")).toContain("- Page Title: Shop");
        expect(await call("browser_tabs", { action: "new", url: `${origin}/second` })).toContain(`${origin}/second`);
        expect(await call("browser_tabs", { action: "list" })).toMatch(/- 0: .*\n- 1: \(current\)/);
        expect(await call("browser_tabs", { action: "close", index: 1 })).toContain(`${origin}/`);
        expect(await call("browser_close")).not.toContain("Error");
      });
    });

    test("offers no tool that runs a client's code in the server's process", async () => {
      const client = await fleet.connect("v1 over Streamable HTTP", "playwright");
      const names = (await client.listTools()).tools.map(({ name }) => name);
      expect(names).toHaveLength(24);
      expect(names).not.toContain("browser_run_code_unsafe");
      await expect(client.callTool({ name: "browser_run_code_unsafe", arguments: { code: "1" } })).rejects.toThrow();
      await client.close();
    });

    describe("a page", () => {
      let client: TestClient;
      beforeAll(async () => {
        client = await clientWithRoots(fleet.endpointOf("playwright"), fleet.tokenOf("playwright"), ["file:///etc"]);
      });
      afterAll(() => client.close());

      test("leads to nothing in the container, nor to what is blocked", async () => {
        const refused = "127.0.0.1 is a private or local address";
        expect(await text(client, "browser_navigate", { url: `${origin}/home` })).toContain(refused);
        expect(await text(client, "browser_navigate", { url: "http://2130706433:8080/" })).toContain(refused);
        expect(await text(client, "browser_navigate", { url: "http://blocked.test/" })).toContain(
          "blocked.test:80 is not among the allowed origins, or is a blocked one",
        );
        expect(await text(client, "browser_navigate", { url: "file:///etc/passwd" })).toContain("is blocked");
      });

      test("runs in Chromium's own sandbox", async () => {
        await text(client, "browser_navigate", { url: origin });
        const script =
          "for p in /proc/[0-9]*; do case $(tr '\\0' ' ' < $p/cmdline) in *--type=renderer*) " +
          "readlink $p/ns/user; sed -n 's/^Seccomp_filters:\\t//p' $p/status; break;; esac; done; readlink /proc/1/ns/user";
        const [page, filters, outside] = docker("exec", container, "bash", "-c", script).trim().split("\n");
        expect(page).toMatch(/^user:\[\d+\]$/);
        expect(page).not.toBe(outside);
        // One filter is the container's; the others are Chromium's.
        expect(Number(filters)).toBeGreaterThan(1);
      });

      test("gets no file of a folder that its client calls a root", async () => {
        await text(client, "browser_click", { target: "#file" });
        expect(await text(client, "browser_file_upload", { paths: ["/etc/passwd"] })).toContain(
          "outside allowed roots",
        );
      });

      test("leads to no private address where these are not allowed, and that is the default", async () => {
        const session = await clientInside(container, ...command);
        const opened = await text(session, "browser_navigate", { url: origin });
        await session.close();
        expect(opened).toContain("HTTP status: 403");
        expect(opened).toContain("these are only opened with allowPrivateAddresses");
      });

      test("leads to no other origin than the allowed ones, also by a redirect or a script", async () => {
        const options = ["--allow-private-addresses", `--allowed-origin=${origin}`];
        const session = await clientInside(container, ...command, ...options);
        expect(await text(session, "browser_navigate", { url: origin })).toContain("Orders");
        const before = visits;
        const ask = `() => fetch("${elsewhere}", { mode: "no-cors" }).then(({ type }) => type)`;
        expect(await text(session, "browser_evaluate", { function: ask })).toContain("opaque");
        const redirected = await text(session, "browser_navigate", { url: `${origin}/away` });
        await session.close();
        expect(redirected).toContain(`${elsewhere.slice("http://".length)} is not among the allowed origins`);
        expect(visits).toBe(before);
      });
    });

    describe("when a session is over, its browser goes", () => {
      const none = () => expect.poll(() => browsers(container), { timeout: 10_000, interval: 200 }).toEqual([]);
      const folders = () => docker("exec", container, "ls", "/tmp").match(/session-\d+/g)?.length;

      // The SDK's SSE client only drops its stream, as one does that vanishes.
      test.each([
        ["DELETE", "v1 over Streamable HTTP"],
        ["a stream that breaks off", "v2 over SSE"],
      ])("by %s", async (_, transport) => {
        await none();
        const client = await fleet.connect(transport, "playwright");
        await text(client, "browser_navigate", { url: origin });
        expect(browsers(container).length).toBeGreaterThan(3);
        await client.close();
        await none();
        // What is left is the spare's.
        await expect.poll(folders, { timeout: 10_000 }).toBe(1);
      });

      test("by the death of its server, whose files go with the next start", async () => {
        await none();
        const client = await fleet.connect("v1 over Streamable HTTP", "playwright");
        await text(client, "browser_navigate", { url: origin });
        const script =
          "for p in /proc/[0-9]*; do args=$(tr '\\0' ' ' < $p/cmdline); case $args in *--type=*) ;; " +
          "*--remote-debugging-pipe*) kill -9 $(sed -n 's/^PPid:\\t//p' $p/status);; esac; done";
        docker("exec", container, "bash", "-c", script);
        await none();
        await expect(client.callTool({ name: "browser_snapshot", arguments: {} })).rejects.toThrow();
        const next = await fleet.connect("v1 over Streamable HTTP", "playwright");
        expect(await text(next, "browser_navigate", { url: origin })).toContain("Orders");
        await next.close();
        await none();
        await expect.poll(folders, { timeout: 10_000 }).toBe(1);
      });
    });

    test("a crowd is told to come back later, and nobody's browser is ended", async () => {
      const connect = () => fleet.connect("v1 over Streamable HTTP", "playwright");
      const crowd: TestClient[] = [];
      for (let open = 0; open < 2; open++) crowd.push(await connect());
      for (const client of crowd) expect(await text(client, "browser_navigate", { url: origin })).toContain("Orders");
      await expect(connect()).rejects.toThrow("over 2 sessions");
      for (const client of crowd) {
        expect(await text(client, "browser_evaluate", { function: "() => document.title" })).toContain("Shop");
        await client.close();
      }
      expect(fleet.stack.inspect("playwright").State).toMatchObject({ OOMKilled: false, Running: true });
    });
  },
};
