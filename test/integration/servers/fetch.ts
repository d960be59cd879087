import type { Server } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callText, type TestClient } from "../clients.ts";
import { docker } from "../test-stack.ts";
import { type ServerProof, transports } from "./proof.ts";
import { clientIn, clientInside, hostAddress, startSite } from "./site.ts";

/** A page as a magazine has them: what is to be read, between much that is not. */
const article = `<!doctype html><html lang="en"><head><title>On lighthouses</title><style>nav{color:red}</style></head><body>
<nav><a href="/">Home</a> <a href="/subscribe">Subscribe now</a></nav>
<main><article><h1>On lighthouses</h1><p>A lighthouse is a tower with a light, and <a href="/light">the light</a> is what
ships look for. This paragraph is long enough, with its commas, its clauses, and its patience, to count as reading.</p>
<h2>Their lamps</h2><p>The lamps were fed with <strong>oil</strong>, later with gas, and in the end with electricity, which
needs nobody who climbs the stairs at night; that is why the keepers have gone, one after the other, to other work.</p>
<ul><li>Oil, from whales and from seeds</li><li>Gas, from coal</li></ul><pre><code>flash = 2 * period</code></pre>
<p>Sailors know each of them by its rhythm, so the charts print the seconds beside the name, and no two neighbours blink
alike. It is an old system, and a good one, and it needs no satellite.</p></article></main>
<script>document.write("tracked")</script><footer>Copyright, cookies and imprint</footer></body></html>`;

const robots = "User-agent: *\nDisallow: /private\n";
const command = ["python3", "/opt/fetch/src/guarded_fetch.py"];

/**
 * A name server and a web site in one container. `flip.test` is a public address for whoever judges it, and this very
 * container for whoever asks a second time.
 */
const rebinder = `
const { networkInterfaces } = require("node:os");
const own = Object.values(networkInterfaces()).flat().find(({ family, internal }) => family === "IPv4" && !internal).address;
const answers = ["1.1.1.1", own];
const socket = require("node:dgram").createSocket("udp4");
socket.on("message", (query, { port, address }) => {
  const end = query.indexOf(0, 12) + 5;
  const isA = query.readUInt16BE(end - 4) === 1;
  const head = Buffer.from([query[0], query[1], 0x84, 0, 0, 1, 0, isA ? 1 : 0, 0, 0, 0, 0]);
  const parts = [head, query.subarray(12, end)];
  if (isA) {
    const ip = answers[0];
    answers.reverse();
    parts.push(Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...ip.split(".").map(Number)]));
  }
  socket.send(Buffer.concat(parts), port, address);
});
socket.bind(53);
require("node:http").createServer(({ url }, response) => {
  if (url === "/robots.txt") response.writeHead(404).end();
  else response.writeHead(200, { "content-type": "text/plain" }).end("the inner network");
}).listen(8080);`;

export const fetch: ServerProof = {
  options: () => ({ allowPrivateAddresses: true }),

  prove(fleet) {
    const container = fleet.stack.container("fetch");
    let origin: string;
    let server: Server;
    const visits: string[] = [];
    const get = (client: TestClient, url: string, more = {}) => callText(client, "fetch", { url, ...more });
    /** The prompt's text: what a person who picks it puts into the conversation. */
    const prompt = async (client: TestClient, url: string) => {
      const asked = client as unknown as {
        getPrompt(params: object): Promise<{ messages: { content: { text: string } }[] }>;
      };
      return (await asked.getPrompt({ name: "fetch", arguments: { url } })).messages[0]?.content.text ?? "";
    };

    beforeAll(async () => {
      ({ origin, server } = await startSite(hostAddress(container), ({ url = "" }, response) => {
        visits.push(url);
        if (url === "/robots.txt") return response.end(robots);
        if (url === "/away") return response.writeHead(302, { location: "/private/page" }).end();
        if (url === "/data.json") return response.writeHead(200, { "content-type": "application/json" }).end('{"a":1}');
        return response.writeHead(200, { "content-type": "text/html" }).end(article);
      }));
    });
    afterAll(() => server.close().closeAllConnections());

    describe.each(transports)("for %s", (transport) => {
      let client: TestClient;
      beforeAll(async () => {
        client = await fleet.connect(transport, "fetch");
      });
      afterAll(() => client.close());

      test("makes Markdown of an article, and of nothing around it", async () => {
        const { text, isError } = await get(client, `${origin}/article`);
        expect(isError).toBe(false);
        for (const line of [
          `Contents of ${origin}/article:`,
          "[the light](/light)",
          "## Their lamps",
          "**oil**",
          "* Oil, from whales and from seeds",
          "flash = 2 * period",
        ])
          expect(text).toContain(line);
        for (const noise of ["Subscribe", "imprint", "tracked", "color:red"]) expect(text).not.toContain(noise);
        expect(await prompt(client, `${origin}/article`)).toContain("## Their lamps");
      });

      test("gives parts, raw pages and other kinds of files", async () => {
        const part = await get(client, `${origin}/article`, { max_length: 10, start_index: 15, raw: true });
        expect(part.text).toContain(`\n${article.slice(15, 25)}\n`);
        expect(part.text).toContain("start_index of 25");
        expect((await get(client, `${origin}/data.json`)).text).toMatch(/Content type application\/json .*{"a":1}$/s);
      });

      test("asks robots.txt, for the prompt and after a redirect too", async () => {
        for (const path of ["/private/page", "/away"]) {
          const before = visits.length;
          const { text, isError } = await get(client, origin + path);
          expect({ text, isError }).toEqual({
            text: expect.stringContaining("specifies that autonomous fetching"),
            isError: true,
          });
          expect(text).not.toContain("manually fetching");
          expect(await prompt(client, origin + path)).toContain("specifies that autonomous fetching");
          expect(visits.slice(before)).not.toContain("/private/page");
        }
      });
    });

    test("fetches what robots.txt forbids only where it is told to ignore it", async () => {
      const client = await clientInside(container, ...command, "--allow-private-ips", "--ignore-robots-txt");
      expect((await get(client, `${origin}/private/page`)).text).toContain("## Their lamps");
      await client.close();
    });

    describe("by default", () => {
      let client: TestClient;
      beforeAll(async () => {
        client = await clientInside(container, ...command);
      });
      afterAll(() => client.close());

      test.each([
        ...["127.0.0.1:8080", "localhost:8080", "127.1:8080", "2130706433:8080", "0x7f000001:8080"],
        ...["0.0.0.0:8080", "[::1]:8080", "[::ffff:127.0.0.1]:8080", "[::ffff:7f00:1]:8080", "[::]:8080"],
        ...["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "[fd00:ec2::254]", "[fe80::1]"],
        ...["[64:ff9b::a9fe:a9fe]", "[::ffff:169.254.169.254]"],
      ])("refuses http://%s/, with the prompt too", async (host) => {
        const refused = expect.stringMatching(/Refused to fetch .* which is not a public address/);
        expect(await get(client, `http://${host}/`)).toEqual({ text: refused, isError: true });
        expect(await prompt(client, `http://${host}/`)).toEqual(refused);
      });

      test("refuses an octal address, which upstream's prompt takes for no URL at all", async () => {
        expect((await get(client, "http://0177.0.0.1:8080/")).text).toContain(
          "127.0.0.1, which is not a public address",
        );
        await expect(prompt(client, "http://0177.0.0.1:8080/")).rejects.toThrow("Error rendering prompt fetch");
      });

      test("refuses the test's own site, which is never asked", async () => {
        const before = visits.length;
        expect((await get(client, `${origin}/article`)).isError).toBe(true);
        expect(visits).toHaveLength(before);
      });
    });

    describe("where a name server changes its mind between the question and the connection", () => {
      const name = `${fleet.stack.prefix}rebinder`;
      let dns: string;
      beforeAll(() => {
        const run = [
          "run",
          "-d",
          "--rm",
          "--name",
          name,
          "--network",
          container,
          "--user",
          "0",
          "--entrypoint",
          "node",
        ];
        docker(...run, fleet.stack.inspect("fetch").Image, "-e", rebinder);
        dns = Object.values<{ IPAddress: string }>(JSON.parse(docker("inspect", name))[0].NetworkSettings.Networks)[0]
          ?.IPAddress as string;
      });
      afterAll(() => docker("rm", "--force", name));

      const flipped = async (...started: string[]) => {
        const [entry = "", ...args] = started;
        const client = await clientIn(
          "run",
          "--rm",
          "-i",
          "--network",
          container,
          "--dns",
          dns,
          "--entrypoint",
          entry,
          fleet.stack.inspect("fetch").Image,
          ...args,
        );
        const { text } = await get(client, "http://flip.test:8080/");
        await client.close();
        return text;
      };

      test("the connection is refused", async () => {
        expect(await flipped(...command)).toBe(
          `Error executing tool fetch: Refused to connect to flip.test: it now resolves to ${dns}, which is not a public address.`,
        );
      });

      test("upstream alone would have gone there", async () => {
        expect(await flipped("mcp-server-fetch")).toContain("the inner network");
      });
    });
  },
};
