import { hostServer } from "../../bridge/src/host.ts";
import { createApp, createDatabase } from "./app.ts";
import { readConfig } from "./config.ts";
import { openLog } from "./log.ts";

const config = configOrExit();
const database = await createDatabase(config, openLog(process.env));
await hostServer(createApp(database, config.tenant));

function configOrExit() {
  try {
    return readConfig(process.env);
  } catch (error) {
    console.error((error as Error).message);
    return process.exit(2);
  }
}
