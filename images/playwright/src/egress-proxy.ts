import { type LookupAddress, type LookupAllOptions, lookup as systemLookup } from "node:dns";
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, connect, isIP, type LookupFunction } from "node:net";
import { pipeline } from "node:stream";
import { mayAsk, type OriginRule } from "./origins.ts";

/** Where the browser may go. */
export interface EgressRules {
  /** Empty: everywhere. */
  readonly allowed: readonly OriginRule[];
  readonly blocked: readonly OriginRule[];
  /** Whether an address may be connected to. */
  readonly mayConnect: (address: string) => boolean;
}

/** All addresses of a name. */
export type Resolve = (
  name: string,
  options: LookupAllOptions,
  done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** Why a request is not let out: shown to the client and written to the log. */
class Refused extends Error {
  override readonly name = "Refused";
}

/** Headers that concern the connection to the proxy alone. */
const hopHeaders = ["connection", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "upgrade"];

/**
 * The browser's only way out: an HTTP proxy on loopback that looks at each connection when it is made. So redirects,
 * frames, scripts and sockets are held to the same rules as what is typed into the address bar; and since the name is
 * resolved here, the address that was looked at is the one that is connected to, whatever DNS says a moment later.
 */
export async function startEgressProxy(
  rules: EgressRules,
  log: (line: string) => void,
  resolve: Resolve = systemLookup,
): Promise<string> {
  /** Checks host and port before anything is resolved, so that names that are not allowed do not even leak as questions. */
  const check = (host: string, port: number) => {
    if (!mayAsk(host, port, rules))
      throw new Refused(`${host}:${port} is not among the allowed origins, or is a blocked one`);
    if (isIP(host) !== 0 && !rules.mayConnect(host)) throw privateAddress(host, host);
  };
  const lookup: LookupFunction = (host, options, callback) =>
    resolve(host, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, []);
      const open = addresses.filter(({ address }) => rules.mayConnect(address));
      const [first] = open;
      if (!first) return callback(privateAddress(host, addresses[0]?.address ?? "no address"), []);
      return options.all ? callback(null, open) : callback(null, first.address, first.family);
    });
  const agent = new Agent({ keepAlive: true, lookup });

  const server = createServer((incoming, outgoing) => {
    const fail = (error: Error) => answerError(error, outgoing, log);
    try {
      const { host, port, path } = targetOf(incoming);
      check(host, port);
      const headers = Object.fromEntries(
        Object.entries(incoming.headers).filter(([name]) => !hopHeaders.includes(name)),
      );
      const onward = request({ host, port, path, method: incoming.method, headers, agent }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.statusMessage, withoutHops(answer));
        pipeline(answer, outgoing, () => undefined);
      });
      onward.on("error", fail);
      pipeline(incoming, onward, () => undefined);
      outgoing.on("close", () => onward.destroy());
    } catch (error) {
      fail(error as Error);
    }
  });
  server.on("connect", (incoming, client, head) => {
    const fail = (error: Error) => {
      const { status, reason, text } = described(error, log);
      client.end(`HTTP/1.1 ${status} ${reason}\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n${text}\n`);
    };
    client.on("error", () => client.destroy());
    try {
      const { hostname, port } = new URL(`tunnel://${incoming.url ?? ""}`);
      const host = bare(hostname);
      check(host, Number(port));
      const onward = connect({ host, port: Number(port), lookup });
      onward.once("error", fail);
      onward.once("connect", () => {
        onward.off("error", fail);
        client.write("HTTP/1.1 200 Connection established\r\n\r\n");
        if (head.length > 0) onward.write(head);
        pipeline(client, onward, client, () => undefined);
      });
      client.on("close", () => onward.destroy());
    } catch (error) {
      fail(error as Error);
    }
  });
  await new Promise<void>((done, fail) => server.once("error", fail).listen(0, "127.0.0.1", done));
  // The browser's session decides how long this process lives, not this.
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function privateAddress(host: string, address: string): Refused {
  const which = host === address ? address : `${host} (${address})`;
  return new Refused(`${which} is a private or local address; these are only opened with allowPrivateAddresses`);
}

/** An IPv6 address without the brackets that it has in a URL. */
function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** What a request to a proxy is for: its whole URL stands in the first line. */
function targetOf(incoming: IncomingMessage) {
  const text = incoming.url ?? "";
  if (!URL.canParse(text)) throw new Refused("only the browser's own requests are passed on");
  const { protocol, hostname, port, pathname, search } = new URL(text);
  if (protocol !== "http:") throw new Refused(`${protocol} is not passed on`);
  return { host: bare(hostname), port: Number(port || 80), path: pathname + search };
}

function withoutHops(answer: IncomingMessage): string[] {
  const pairs: string[] = [];
  for (let at = 0; at < answer.rawHeaders.length; at += 2) {
    const [name = "", value = ""] = answer.rawHeaders.slice(at, at + 2);
    if (!hopHeaders.includes(name.toLowerCase())) pairs.push(name, value);
  }
  return pairs;
}

function described(error: Error, log: (line: string) => void) {
  if (error instanceof Refused) {
    log(`refused: ${error.message}`);
    return { status: 403, reason: "Forbidden", text: `Refused: ${error.message}` };
  }
  return { status: 502, reason: "Bad Gateway", text: `Not reached: ${error.message}` };
}

function answerError(error: Error, outgoing: ServerResponse, log: (line: string) => void): void {
  if (outgoing.headersSent) {
    outgoing.destroy();
    return;
  }
  const { status, text } = described(error, log);
  outgoing.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" }).end(`${text}\n`);
}
