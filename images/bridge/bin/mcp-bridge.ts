#!/usr/bin/env node
const argv = process.argv.slice(2);
// Imported only when needed: the container's health check starts this every 30 seconds.
if (argv[0] === "health") {
  const { healthCommand } = await import("../src/health-command.ts");
  process.exitCode = await healthCommand(argv.slice(1), process.env);
} else {
  const { main } = await import("../src/main.ts");
  await main(argv);
}
