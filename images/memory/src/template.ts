/** Makes the database that the image brings for embedded storage: `node src/template.ts FOLDER`. */
import { EmbeddedDatabase } from "./database/embedded.ts";
import { migrate } from "./database/migrate.ts";

const database = new EmbeddedDatabase(process.argv[2]);
await migrate(database);
await database.close();
