import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Document, parseDocument } from "yaml";
import { z } from "zod";
import { catalogue } from "../components/catalogue.ts";
import { configSchema } from "../config/schema.ts";
import { docOf, elementOf, shapeOf } from "../config/walk.ts";

// Writes what the schema says of the configuration into README.md and Pulumi.yaml; with --check only compares.

const root = join(import.meta.dirname, "..");
const schema = configSchema(catalogue);

interface Row {
  readonly key: string;
  readonly allowed: string;
  readonly fallback: unknown;
  readonly description: string;
}

const defaultOf = (field: z.core.$ZodType): unknown => z.safeParse(field, undefined).data;

/** One row for each key that has words of its own, and those of the keys below it. */
function rows(key: string, field: z.core.$ZodType): Row[] {
  const doc = docOf(field);
  const element = elementOf(field);
  const below = [
    ...Object.entries(shapeOf(field)).flatMap(([name, child]) => rows(`${key}.${name}`, child)),
    ...(element ? Object.entries(shapeOf(element)).flatMap(([name, child]) => rows(`${key}[].${name}`, child)) : []),
  ];
  return doc
    ? [{ key, allowed: doc.allowed, fallback: defaultOf(field), description: doc.description }, ...below]
    : below;
}

const cell = (text: string) => text.replaceAll("|", "\\|");
const table = (list: readonly Row[]) =>
  [
    "| key | what it is | allowed | default |",
    "|---|---|---|---|",
    ...list.map(({ key, allowed, fallback, description }) => {
      const shown =
        fallback === undefined ? "" : `\`${typeof fallback === "string" ? fallback : JSON.stringify(fallback)}\``;
      return `| \`${key}\` | ${cell(description)} | ${cell(allowed)} | ${shown} |`;
    }),
  ].join("\n");

/** The reference: keys of the stack, keys of every server, and what each server adds. */
function reference(): string {
  const { servers, ...top } = shapeOf(schema);
  const shapes = Object.entries(shapeOf(servers as z.core.$ZodType));
  const first = shapes[0];
  if (!first) return "";
  const common = Object.keys(shapeOf(first[1])).filter((key) => shapes.every(([, shape]) => key in shapeOf(shape)));
  const perServer = (keys: (key: string) => boolean, name: string, shape: z.core.$ZodType) =>
    Object.entries(shapeOf(shape))
      .filter(([key]) => keys(key))
      .flatMap(([key, field]) => rows(`mcp:servers.${name}.${key}`, field));
  // What differs between servers is only a default, which the catalogue above shows.
  const anyServer = perServer((key) => common.includes(key), "<server>", first[1]).map((row) =>
    ["port", "allowedTools"].some((key) => row.key.endsWith(`.${key}`))
      ? { ...row, fallback: undefined, allowed: row.allowed.replace(/: .*/, " the server's tools") }
      : {
          ...row,
          allowed: row.key.endsWith(".memory")
            ? row.allowed.replace(/from \d+/, "from what one session takes")
            : row.allowed,
        },
  );
  return [
    "### The stack",
    table(Object.entries(top).flatMap(([key, field]) => rows(`mcp:${key}`, field))),
    "### Every server",
    table(anyServer),
    ...shapes.flatMap(([name, shape]) => [
      `### ${name}`,
      table(perServer((key) => !common.includes(key), name, shape)),
    ]),
  ].join("\n\n");
}

const between = (text: string, body: string) =>
  text.replace(
    /(<!-- config:start -->\n)[\s\S]*(<!-- config:end -->)/,
    (_, start, end) => `${start}\n${body}\n\n${end}`,
  );

function projectFile(text: string): string {
  const document: Document = parseDocument(text);
  const summaries: Record<string, string> = {
    images: "Base images of all others, by what they carry.",
    litellm: "How `litellmConfig` reaches the servers.",
    servers: "The servers that run, by name; each an object of its options.",
    backends: "Where servers keep and find data: run by this stack once one needs it, or existing.",
  };
  // Pulumi wants a value beside the description of a key outside the project's own namespace: the default.
  const config = Object.entries(shapeOf(schema)).map(([key, field]) => [
    `mcp:${key}`,
    { description: docOf(field)?.description ?? summaries[key], value: defaultOf(field) },
  ]);
  document.set("config", document.createNode(Object.fromEntries(config)));
  return document.toString({ lineWidth: 0 });
}

const files = [
  { name: "README.md", make: (text: string) => between(text, reference()) },
  { name: "Pulumi.yaml", make: projectFile },
];
const stale = files.filter(({ name, make }) => {
  const before = readFileSync(join(root, name), "utf8");
  const after = make(before);
  if (before !== after && !process.argv.includes("--check")) writeFileSync(join(root, name), after);
  return before !== after;
});
for (const { name } of stale) {
  if (process.argv.includes("--check")) console.error(`${name} is not what the schema says; run \`npm run docs\``);
  else console.log(`${name} brought up to date`);
}
if (stale.length > 0 && process.argv.includes("--check")) process.exitCode = 1;
