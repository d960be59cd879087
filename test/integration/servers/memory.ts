import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { callText, clients } from "../clients.ts";
import { dockerQuietly } from "../stand-in-stack.ts";
import { docker, freePorts } from "../test-stack.ts";
import { type ServerProof, transports } from "./proof.ts";

const ada = { name: "Ada Lovelace", entityType: "person", observations: ["wrote the first program"] };
const engine = { name: "Analytical Engine", entityType: "machine", observations: ["was never built"] };
const designed = { from: "Charles Babbage", to: engine.name, relationType: "designed" };
const programmed = { from: ada.name, to: engine.name, relationType: "programmed" };

/** The knowledge graph in the stack's Postgres: one graph for all clients, whichever way they come. */
export const memory: ServerProof = {
  options: () => ({}),
  prove(fleet) {
    test.each(transports)("keeps a graph for a client of %s: every tool, then nothing is left", async (transport) => {
      const client = await fleet.connect(transport, "memory");
      const call = async (name: string, args: Record<string, unknown>) => {
        const { text, isError } = await callText(client, name, args);
        return { isError, value: text.startsWith("{") || text.startsWith("[") ? JSON.parse(text) : text };
      };
      const ok = (value: unknown) => ({ isError: false, value });
      expect(await call("create_entities", { entities: [ada, engine] })).toEqual(ok([ada, engine]));
      expect(await call("create_entities", { entities: [ada] })).toEqual(ok([]));
      expect(await call("create_relations", { relations: [designed, programmed] })).toEqual(ok([designed, programmed]));
      const added = [{ entityName: ada.name, addedObservations: ["born in 1815"] }];
      const contents = [{ entityName: ada.name, contents: ["born in 1815", "wrote the first program"] }];
      expect(await call("add_observations", { observations: contents })).toEqual(ok(added));
      expect(await call("add_observations", { observations: [{ entityName: "Bob", contents: ["x"] }] })).toEqual({
        isError: true,
        value: "Entity with name Bob not found",
      });
      const older = { ...ada, observations: [...ada.observations, "born in 1815"] };
      expect(await call("read_graph", {})).toEqual(
        ok({ entities: [older, engine], relations: [designed, programmed] }),
      );
      const page = await call("read_graph", { limit: 1 });
      expect(page.value).toEqual({ entities: [older], relations: [], nextCursor: expect.any(String) });
      expect(await call("search_nodes", { query: "FIRST prog" })).toEqual(
        ok({ entities: [older], relations: [programmed] }),
      );
      expect(await call("search_nodes", { query: "1815 program", mode: "words" })).toEqual(
        ok({ entities: [older], relations: [programmed] }),
      );
      expect(await call("open_nodes", { names: [engine.name] })).toEqual(
        ok({ entities: [engine], relations: [designed, programmed] }),
      );
      const deletions = [{ entityName: ada.name, observations: ["born in 1815"] }];
      expect(await call("delete_observations", { deletions })).toEqual(ok("Observations deleted successfully"));
      expect(await call("delete_relations", { relations: [designed] })).toEqual(ok("Relations deleted successfully"));
      expect(await call("read_graph", {})).toEqual(ok({ entities: [ada, engine], relations: [programmed] }));
      expect(await call("delete_entities", { entityNames: [ada.name, engine.name] })).toEqual(
        ok("Entities deleted successfully"),
      );
      expect(await call("read_graph", {})).toEqual(ok({ entities: [], relations: [] }));
      await client.close();
    });

    test("what one client writes another finds, and the file of the reference server goes in and out", async () => {
      const container = fleet.stack.container("memory");
      const file = [
        { type: "entity", ...ada },
        { type: "relation", ...programmed },
      ].map((line) => JSON.stringify(line));
      const cli = `node /opt/memory/src/cli.ts`;
      docker("exec", container, "sh", "-c", `printf '%s\\n' '${file.join("' '")}' | ${cli} import`);
      const client = await fleet.connect("v2 over SSE", "memory");
      await client.callTool({ name: "create_entities", arguments: { entities: [engine] } });
      expect(docker("exec", container, "sh", "-c", `${cli} export`).split("\n")).toEqual([
        file[0],
        JSON.stringify({ type: "entity", ...engine }),
        file[1],
      ]);
      await client.callTool({ name: "delete_entities", arguments: { entityNames: [ada.name, engine.name] } });
      await client.close();
    });

    test("embedded, its graph outlives a kill", async () => {
      const name = `${fleet.stack.prefix}embedded`;
      const token = randomBytes(32).toString("base64url");
      const [port] = await freePorts(1);
      const at = `http://127.0.0.1:${port}`;
      const endpoint = { http: `${at}/mcp`, sse: `${at}/sse`, health: `${at}/health`, metrics: `${at}/metrics` };
      const env = `--env=MCP_AUTH_TOKEN_SHA256=${createHash("sha256").update(token).digest("hex")}`;
      const hardening = [
        "--read-only",
        "--cap-drop=ALL",
        "--security-opt=no-new-privileges",
        "--init",
        "--memory=512m",
      ];
      const places = [`--volume=${name}:/data`, "--tmpfs=/tmp", `--publish=127.0.0.1:${port}:8080`];
      const connected = async () => {
        const healthy = () =>
          fetch(endpoint.health).then(
            ({ ok }) => ok,
            () => false,
          );
        await expect.poll(healthy, { timeout: 20_000, interval: 100 }).toBe(true);
        const connect = clients["v2 over Streamable HTTP"];
        if (!connect) throw new Error("no such client");
        return connect(endpoint, token);
      };
      try {
        docker("run", "--detach", `--name=${name}`, ...hardening, ...places, env, fleet.stack.inspect("memory").Image);
        const writer = await connected();
        await writer.callTool({ name: "create_entities", arguments: { entities: [ada, engine] } });
        await writer.callTool({ name: "create_relations", arguments: { relations: [programmed] } });
        docker("kill", name);
        docker("start", name);
        await writer.close().catch(() => {});
        const reader = await connected();
        const { text } = await callText(reader, "read_graph", {});
        expect(JSON.parse(text)).toEqual({ entities: [ada, engine], relations: [programmed] });
        await reader.close();
      } finally {
        dockerQuietly("rm", "--force", "--volumes", name);
        dockerQuietly("volume", "rm", name);
      }
    }, 60_000);

    test("its health asks the database, and its label names it", async () => {
      const health = (await (await fetch(fleet.endpointOf("memory").health)).json()) as {
        checks: Record<string, { ok: boolean; detail: string }>;
      };
      expect(health.checks.database).toMatchObject({ ok: true, detail: "database answers" });
      expect(fleet.stack.labelsOf("memory")["com.mcp.backend"]).toBe("postgres");
    });
  },
};
