import { z } from "zod";
import type { BackendDefinition } from "../components/backends/definition.ts";
import { field, wholeNumber } from "./field.ts";

/** A host name or an address, as clients write it. */
const hostName = z.string().regex(/^[\w.:-]+$/);

/** Keys of every backend, managed or existing; `mcp:backends.<name>.<key>`. */
export const backendKeys = (definition: BackendDefinition) => ({
  mode: field(
    {
      description:
        "Whether this stack runs it, once a server that is on needs it, or only refers to one that is there.",
      allowed: "managed or existing",
      remedy: "leave it out for managed",
    },
    z.enum(["managed", "existing"]).default("managed"),
  ),
  memory: wholeNumber("Managed: memory limit; no swap beyond it.", "MiB", 64, 1_048_576).default(definition.memory),
  network: field(
    {
      description: "Existing: network of the engine on which it is found; its clients join it.",
      allowed: "the name of a network",
      remedy: "leave it out where its clients reach it through their own network",
    },
    z
      .string()
      .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/)
      .optional(),
  ),
  ...(definition.protocol === "postgres" ? databaseKeys(definition) : httpKeys),
});

const databaseKeys = (definition: BackendDefinition) => ({
  host: field(
    {
      description: "Existing: its host name or address.",
      allowed: "a host name or an IP address",
      remedy: "name it as its clients find it on the network",
    },
    hostName.optional(),
  ),
  port: wholeNumber(`Existing: its port. Default: ${definition.port}.`, "", 1, 65535).optional(),
  adminUser: field(
    {
      description:
        "Existing: role that may create roles and databases; its password is the secret `adminPassword`. Without it, roles and databases must be there.",
      allowed: "the name of a role",
      remedy: "leave it out where nothing is to be created",
    },
    z.string().min(1).max(63).optional(),
  ),
});

const httpKeys = {
  url: field(
    {
      description: "Existing: its URL, as its clients find it on the network.",
      allowed: "an http or https URL without a path",
      remedy: "write it as http://host:port",
    },
    z
      .string()
      .regex(/^https?:\/\/[\w.[\]:-]+$/)
      .optional(),
  ),
};

/** The options of one backend, as the schema leaves them; which of them there are depends on its protocol. */
export interface BackendOptions {
  readonly mode: "managed" | "existing";
  readonly memory: number;
  readonly network?: string | undefined;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly adminUser?: string | undefined;
  readonly url?: string | undefined;
}
