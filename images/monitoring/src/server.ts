import { hostServer } from "../../bridge/src/host.ts";
import { createApp } from "./app.ts";
import { ConfigError, readConfig } from "./config.ts";

function configured() {
  try {
    return readConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(`the environment of the monitoring server is wrong:\n${error.message}`);
    return process.exit(2);
  }
}

await hostServer(createApp(configured()));
