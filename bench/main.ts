// What is measured is imported only when it is asked for: the stack's benchmark brings half the project with it.
const [first, ...rest] = process.argv.slice(2);
if (first === "bridge") {
  const { benchBridge } = await import("./bridge/main.ts");
  process.exitCode = await benchBridge(rest);
} else if (first === "memory") {
  const { benchMemory } = await import("./memory.ts");
  process.exitCode = await benchMemory(rest);
} else await import("./stack.ts");
