/** `docker:index/container:Container` on the engine. */
import { readFile } from "node:fs/promises";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { pack } from "tar-stream";
import { type Context, InitFailure, type Resource } from "../provider.ts";
import { importInputs, previewState, refreshInputs } from "../state.ts";
import { number, type PropertyMap, text, type Value } from "../values.ts";
import { engine, engineCall, findOrUndefined, isMissing } from "./client.ts";
import { observe } from "./container-from-engine.ts";
import * as toEngine from "./container-to-engine.ts";
import { ensureImage } from "./pull.ts";
import { check, diff, type ResourceType, type Rules, record } from "./resource.ts";
import { container as fields } from "./tables.ts";

const TYPE: ResourceType = "docker:index/container:Container";
const RULES: Rules = { fields, autoNamed: true, conflicts: toEngine.conflicts };
const POLL_MS = 250;
/** How long the official provider looks after a start whether the process ended at once. */
const SETTLE_MS = 100;
const LOG_LINES = 20;
const NOT_MODIFIED = 304;

export const container: Resource = {
  async check(args) {
    return check(TYPE, RULES, args);
  },
  diff: (state, inputs) => diff(TYPE, RULES, state, inputs),
  preview: (inputs, state) => previewState(fields, inputs, state),

  async create(inputs, context) {
    const name = text(inputs.name);
    await ensureImage(text(inputs.image), context, text(inputs.platform));
    const created = await engineCall(
      () => engine().createContainer(toEngine.createOptions(inputs)),
      `container ${name} could not be created`,
    );
    let logs: string | undefined;
    try {
      await engineCall(() => prepare(created, inputs), `container ${name}`);
      if (inputs.start !== false) {
        context.status(`starting ${name}`);
        await engineCall(() => created.start(), `container ${name} could not be started`);
        if (inputs.attach === true) logs = await runToEnd(created, inputs, context);
        else await sleep(SETTLE_MS);
      }
      await expectRunning(created, inputs);
    } catch (error) {
      // Nothing half made stays behind: the next run starts afresh.
      await remove(created, true).catch(() => {});
      throw error;
    }
    const waited = inputs.wait === true ? await waitForHealth(created, inputs, context) : undefined;
    const state = await stateOf(created, inputs, logs ?? null);
    if (waited) throw new InitFailure(created.id, state, waited);
    return { id: created.id, state };
  },

  async read(id, state, inputs) {
    const handle = engine().getContainer(id);
    const found = await findOrUndefined(() => handle.inspect());
    if (!found) return undefined;
    const imported = Object.keys(state).length === 0;
    const known = imported ? NOT_ON_ENGINE : { ...state, mustRun: inputs.mustRun ?? state.mustRun ?? true };
    const now = stateFrom(known, found, state.containerLogs ?? null);
    return {
      id: found.Id,
      state: now,
      inputs: imported ? importInputs(fields, now, ["image", "name"]) : refreshInputs(fields, inputs, now),
    };
  },

  async update(id, state, inputs, context) {
    const handle = engine().getContainer(id);
    const name = text(inputs.name);
    if (toEngine.LIVE_INPUTS.some((input) => (state[input] ?? null) !== (inputs[input] ?? null))) {
      await engineCall(() => handle.update(toEngine.updateOptions(inputs)), `container ${name} could not be updated`);
    }
    const restarted = state.mustRun === false && inputs.mustRun !== false;
    if (restarted) {
      await engineCall(() => unlessDone(() => handle.start()), `container ${name} could not be started`);
    }
    // An update also follows a start that failed: it is over only when the container is healthy.
    const waited = inputs.wait === true ? await waitForHealth(handle, inputs, context) : undefined;
    // As with the official provider the inputs count as done, also those that only a new container would take on.
    const observed = restarted ? observe(await engineCall(() => handle.inspect()), inputs) : state;
    const now = record(TYPE, fields, id, inputs, filledIn(observed, inputs));
    if (waited) throw new InitFailure(id, now, waited);
    return now;
  },

  async delete(id, state) {
    if (state.rm === true) return;
    const handle = engine().getContainer(id);
    const grace = number(state.destroyGraceSeconds);
    if (grace > 0 && state.attach !== true) {
      await engineCall(
        async () => {
          try {
            await handle.stop({ t: grace });
          } catch (error) {
            // 304: it had stopped already.
            if (!isMissing(error) && (error as { statusCode?: number }).statusCode !== 304) throw error;
          }
        },
        `container ${text(state.name)} could not be stopped`,
      );
    }
    await engineCall(() => remove(handle, state.removeVolumes !== false), `container ${text(state.name)}`);
  },
};

/** Networks and files have to be there before the process starts. */
async function prepare(created: Docker.Container, inputs: PropertyMap): Promise<void> {
  const attachments = toEngine.attachments(inputs);
  if (attachments.length > 0) {
    try {
      await engine().getNetwork("bridge").disconnect({ Container: created.id });
    } catch (error) {
      if (!/is not connected to/.test(String(error))) throw error;
    }
    for (const { network, endpoint } of attachments)
      await engine().getNetwork(network).connect({ Container: created.id, EndpointConfig: endpoint });
  }
  for (const { path, mode, content } of toEngine.uploads(inputs)) {
    const data =
      "text" in content
        ? Buffer.from(content.text)
        : "base64" in content
          ? Buffer.from(content.base64, "base64")
          : await readFile(content.source);
    const archive = pack();
    archive.entry({ name: path, mode }, data);
    archive.finalize();
    await engineCall(() => created.putArchive(Readable.from(archive), { path: "/" }), `upload of /${path}`);
  }
}

async function runToEnd(created: Docker.Container, inputs: PropertyMap, context: Context): Promise<string | undefined> {
  context.status(`waiting for ${text(inputs.name)} to end`);
  await engineCall(() => created.wait({ abortSignal: context.signal }));
  return inputs.logs === true ? await logsOf(created, inputs.tty === true) : undefined;
}

async function expectRunning(created: Docker.Container, inputs: PropertyMap): Promise<void> {
  if (inputs.mustRun === false || inputs.start === false) return;
  const { State } = await engineCall(() => created.inspect());
  if (State.Running) return;
  throw new Error(
    `container ${text(inputs.name)} exited immediately with code ${State.ExitCode}; it has been removed. ` +
      `Its last output:\n${await lastLines(created, inputs)}\n` +
      "(a container that is meant to end needs `mustRun: false`)",
  );
}

/** Undefined when healthy; else what is wrong, for the user. */
async function waitForHealth(
  handle: Docker.Container,
  inputs: PropertyMap,
  context: Context,
): Promise<string | undefined> {
  const seconds = number(inputs.waitTimeout);
  const deadline = Date.now() + seconds * 1000;
  const name = text(inputs.name);
  for (let shown = ""; ; await sleep(POLL_MS)) {
    // The container exists: it has to get into the state also when the user does not want to wait for it.
    if (context.signal.aborted) return `cancelled while waiting for container ${name} to be healthy`;
    const { State } = await engineCall(() => handle.inspect());
    if (!State.Health) return `container ${name}: \`wait\` needs a health check, and neither it nor its image has one`;
    if (State.Health.Status === "healthy") return undefined;
    const ended = !State.Running && !State.Restarting && inputs.restart === "no";
    if (ended || Date.now() >= deadline) {
      const probe = State.Health.Log?.at(-1);
      return [
        `container ${name} did not become healthy within ${seconds} s: ` +
          `state ${State.Status}, health ${State.Health.Status}, exit code ${State.ExitCode}`,
        `last health check: ${probe ? `exit code ${probe.ExitCode}: ${probe.Output.trim() || "no output"}` : "none yet"}`,
        `last output:\n${await lastLines(handle, inputs)}`,
      ].join("\n");
    }
    const status = `waiting for ${name} to be healthy (${State.Status}, ${State.Health.Status})`;
    if (status !== shown) context.status(status);
    shown = status;
  }
}

async function lastLines(handle: Docker.Container, inputs: PropertyMap): Promise<string> {
  try {
    return (await logsOf(handle, inputs.tty === true, LOG_LINES)).trimEnd() || "(none)";
  } catch {
    return "(its log driver keeps none)";
  }
}

async function logsOf(handle: Docker.Container, tty: boolean, tail?: number): Promise<string> {
  const raw = await engineCall(() =>
    handle.logs({ stdout: true, stderr: true, follow: false, ...(tail ? { tail } : {}) }),
  );
  return tty ? raw.toString("utf8") : demultiplex(raw);
}

/** The engine's stream format of stdout and stderr: per chunk 8 bytes, of which the last four are its length. */
export function demultiplex(raw: Buffer): string {
  const chunks: Buffer[] = [];
  for (let at = 0; at + 8 <= raw.length; ) {
    const length = raw.readUInt32BE(at + 4);
    chunks.push(raw.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** A container that is gone, or already as it should be, is no failure. */
async function unlessDone(call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (!isMissing(error) && (error as { statusCode?: number }).statusCode !== NOT_MODIFIED) throw error;
  }
}

async function remove(handle: Docker.Container, volumes: boolean): Promise<void> {
  try {
    await handle.remove({ force: true, v: volumes });
  } catch (error) {
    const { statusCode } = error as { statusCode?: number };
    // 409: somebody else is removing it already.
    if (!isMissing(error) && statusCode !== 409) throw error;
  }
  while (await findOrUndefined(() => handle.inspect())) await sleep(POLL_MS);
}

async function stateOf(handle: Docker.Container, inputs: PropertyMap, logs: Value): Promise<PropertyMap> {
  return stateFrom(inputs, await engineCall(() => handle.inspect()), logs);
}

function stateFrom(inputs: PropertyMap, found: Docker.ContainerInspectInfo, containerLogs: Value): PropertyMap {
  return record(TYPE, fields, found.Id, inputs, { ...observe(found, inputs), containerLogs });
}

/** Outputs, and the inputs that the program leaves to the engine. */
function filledIn(observed: PropertyMap, inputs: PropertyMap): PropertyMap {
  return Object.fromEntries(
    Object.entries(observed).filter(
      ([name]) => fields[name]?.outputOnly || (fields[name]?.computed && inputs[name] === undefined),
    ),
  );
}

/** What the engine does not know of a container: an import assumes the defaults. */
const NOT_ON_ENGINE: PropertyMap = Object.fromEntries(
  ["containerReadRefreshTimeoutMilliseconds", "removeVolumes", "start", "waitTimeout"].map((name) => [
    name,
    fields[name]?.default ?? null,
  ]),
);
