import { z } from "zod";

/** Where a backend is and how to get in. */
export interface BackendConfig {
  /** As errors call it. */
  readonly name: string;
  /** The variable that says where it is. */
  readonly variable: string;
  /** First part of the variables that hold its credentials. */
  readonly credentials?: "LOKI" | "NETDATA";
  /** Without a slash at the end. */
  readonly url: string;
  /** With credentials; never shown. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface MonitoringConfig {
  readonly loki: BackendConfig;
  readonly netdata: BackendConfig;
  /** Base URLs of the MCP servers that can be asked how they are, by name. */
  readonly services: ReadonlyMap<string, string>;
  /** Labels of log streams that hold the server's and the container's name. */
  readonly labels: { readonly service: string; readonly container: string };
  /** Longest wait for one answer of a backend. */
  readonly timeoutMs: number;
}

/** Every problem of an environment at once, one to a line. */
export class ConfigError extends Error {}

const SERVICE_NAME = /^[a-z][a-z0-9-]{0,62}$/;

const baseUrl = z.string().transform((value, context) => {
  const problem = (message: string) => {
    context.issues.push({ code: "custom", input: value, message });
    return z.NEVER;
  };
  if (!URL.canParse(value)) return problem(`is no URL; write for example http://loki:3100`);
  const url = new URL(value);
  if (url.protocol !== "http:" && url.protocol !== "https:") return problem("has to start with http:// or https://");
  // A URL is shown in errors: what is in it is no secret any more.
  if (url.username !== "" || url.password !== "") {
    return problem("has credentials in it; take them out and set …_USERNAME and …_PASSWORD");
  }
  if (url.search !== "" || url.hash !== "") return problem("has a query or a fragment; leave it out");
  return url.href.replace(/\/+$/, "");
});

const services = z
  .string()
  .transform((value, context) => {
    try {
      return JSON.parse(value) as unknown;
    } catch {
      context.issues.push({ code: "custom", input: "", message: "is no JSON" });
      return z.NEVER;
    }
  })
  .pipe(z.record(z.string().regex(SERVICE_NAME), baseUrl));

const label = z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, "is no name of a label; letters, digits and _ are");
/** What HTTP allows in a header's value, and nothing that could end it. */
const headerText = z.string().regex(/^[\x21-\x7e]+$/, "has characters other than printable ASCII without spaces");

const environment = z.object({
  LOKI_URL: baseUrl.default("http://loki:3100"),
  LOKI_TOKEN: headerText.optional(),
  LOKI_USERNAME: z.string().optional(),
  LOKI_PASSWORD: z.string().optional(),
  LOKI_TENANT: headerText.optional(),
  LOKI_SERVICE_LABEL: label.default("mcp_type"),
  LOKI_CONTAINER_LABEL: label.default("container_name"),
  NETDATA_URL: baseUrl.default("http://netdata:19999"),
  NETDATA_TOKEN: headerText.optional(),
  NETDATA_USERNAME: z.string().optional(),
  NETDATA_PASSWORD: z.string().optional(),
  MCP_SERVICES: services.default({}),
  MONITORING_TIMEOUT_SECONDS: z
    .string()
    .regex(/^([1-9]|1\d|2[0-5])$/, "has to be a whole number from 1 to 25 (seconds)")
    .transform(Number)
    .default(10),
});

interface Credentials {
  readonly token: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
}

/** The header that lets us in; a problem's text if it is unclear which. */
function authorization({ token, username, password }: Credentials): string | undefined | Error {
  if (token !== undefined && username !== undefined) return new Error("both a token and a user name are set");
  if ((username === undefined) !== (password === undefined)) return new Error("a user name needs a password, and back");
  if (token !== undefined) return `Bearer ${token}`;
  return username === undefined ? undefined : `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

function problemText({ code, path: [name = "", ...rest], message }: z.core.$ZodIssue): string {
  const problem = code === "invalid_key" ? "is no name of a server; lower-case letters, digits and - are" : message;
  return rest.length === 0 ? `${String(name)} ${problem}` : `${String(name)}: ${rest.join(".")} ${problem}`;
}

/** Reads the environment; an empty variable counts as one that is not set. */
export function readConfig(variables: NodeJS.ProcessEnv): MonitoringConfig {
  const set = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ""));
  const parsed = environment.safeParse(set);
  const problems = parsed.success ? [] : parsed.error.issues.map(problemText);
  const headersOf = (prefix: "LOKI" | "NETDATA"): Record<string, string> => {
    const header = authorization({
      token: set[`${prefix}_TOKEN`],
      username: set[`${prefix}_USERNAME`],
      password: set[`${prefix}_PASSWORD`],
    });
    if (header instanceof Error) problems.push(`${prefix}_TOKEN, ${prefix}_USERNAME: ${header.message}; set one kind`);
    return typeof header === "string" ? { authorization: header } : {};
  };
  const [loki, netdata] = [headersOf("LOKI"), headersOf("NETDATA")];
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems.join("\n"));
  const { data } = parsed;
  const tenant: Record<string, string> = data.LOKI_TENANT === undefined ? {} : { "x-scope-orgid": data.LOKI_TENANT };
  return {
    loki: {
      name: "Loki",
      variable: "LOKI_URL",
      credentials: "LOKI",
      url: data.LOKI_URL,
      headers: { ...loki, ...tenant },
    },
    netdata: {
      name: "Netdata",
      variable: "NETDATA_URL",
      credentials: "NETDATA",
      url: data.NETDATA_URL,
      headers: netdata,
    },
    services: new Map(Object.entries(data.MCP_SERVICES)),
    labels: { service: data.LOKI_SERVICE_LABEL, container: data.LOKI_CONTAINER_LABEL },
    timeoutMs: data.MONITORING_TIMEOUT_SECONDS * 1_000,
  };
}
