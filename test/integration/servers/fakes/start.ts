import { join } from "node:path";
import { expect, vi } from "vitest";
import { docker, logsOf, type TestStack } from "../../test-stack.ts";

/** A program of this folder that stands where a server of the fleet expects a service of the internet. */
export interface Fake extends Disposable {
  /** What it has printed. */
  log(): string;
}

/**
 * Runs it on a server's own network, where nothing but that server finds it, in a container of the server's image,
 * which has Node.
 */
export async function startFake(
  stack: TestStack,
  server: string,
  file: string,
  alias: string,
  secret: string,
): Promise<Fake> {
  const name = `${stack.prefix}${server}-api`;
  const network = stack.container(server);
  const envs = ["--env", `FAKE_HOST=${alias}`, "--env", `FAKE_TOKEN=${secret}`];
  const place = ["--network", network, "--network-alias", alias];
  docker("create", "--name", name, ...place, ...envs, "--entrypoint", "node", stack.inspect(server).Image, "/fake.ts");
  docker("cp", join(import.meta.dirname, file), `${name}:/fake.ts`);
  docker("start", name);
  await vi.waitFor(() => expect(logsOf(name)).toContain("listening"), { timeout: 10_000 });
  return {
    log: () => logsOf(name),
    [Symbol.dispose]() {
      docker("rm", "--force", "--volumes", name);
    },
  };
}
