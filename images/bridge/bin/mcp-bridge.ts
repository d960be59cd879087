#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";

const argv = process.argv.slice(2);
// Imported only when needed: the container's health check starts this every 30 seconds.
if (argv[0] === "health") {
  const { healthCommand } = await import("../src/health-command.ts");
  process.exitCode = await healthCommand(argv.slice(1), process.env);
} else {
  // V8 counts the bytes of messages against its limit for objects, 8 MiB over what is alive in so small a heap, and
  // would mark all of it every few megabytes: half of the processor's time at 1 MB a message.
  setFlagsFromString("--heap-growing-percent=400");
  const { main } = await import("../src/main.ts");
  await main(argv);
}
