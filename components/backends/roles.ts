import type { BackendClient } from "./plan.ts";
import type { BootstrapSpec } from "./postgres-bootstrap.ts";

/**
 * Roles and databases that the clients of one database backend need, together: a database that several of them use is
 * one, with each of their roles let in, and all the extensions that any of them names.
 *
 * @param managed the server is this stack's own
 * @param verifierOf SCRAM verifier of the password of a server's role
 */
export function bootstrapSpec(
  clients: readonly BackendClient[],
  managed: boolean,
  verifierOf: (server: string, role: string) => string,
): BootstrapSpec {
  const uses = clients.flatMap(({ server, use }) => ("role" in use ? [{ server, use }] : []));
  const needs = uses.flatMap(({ use }) => use.databases.map((need) => ({ ...need, role: use.role })));
  return {
    managed,
    roles: uses.map(({ server, use }) => ({
      name: use.role,
      verifier: verifierOf(server, use.role),
      memberOf: use.memberOf ?? [],
      settings: use.settings ?? {},
    })),
    databases: [...new Set(needs.map(({ name }) => name))].map((name) => {
      const users = needs.filter((need) => need.name === name);
      const owner = users.find(({ owned }) => owned)?.role;
      return {
        name,
        ...(owner !== undefined && { owner }),
        extensions: [...new Set(users.flatMap(({ extensions = [] }) => extensions))],
        connect: users.map(({ role }) => role),
      };
    }),
  };
}
