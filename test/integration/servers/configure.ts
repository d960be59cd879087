import { freePorts, type TestStack } from "../test-stack.ts";
import { proofs } from "./all.ts";

/**
 * Gives a stack these servers, each as its proof wants it, on a free port.
 *
 * @param common further options of every server
 * @param over further keys of the stack
 */
export async function configureFleet(
  stack: TestStack,
  names: readonly string[],
  common: Readonly<Record<string, unknown>> = {},
  over: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const ports = await freePorts(names.length);
  const servers = names.map((name, index) => [
    name,
    { port: ports[index], ...common, ...proofs[name]?.options(stack) },
  ]);
  await stack.init();
  stack.configure({ ...over, servers: Object.fromEntries(servers) });
  await stack.setSecrets(Object.assign({}, ...names.map((name) => proofs[name]?.secrets)));
}
