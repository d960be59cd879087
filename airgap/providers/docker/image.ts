/** `docker:index/image:Image`: an image built from a context; pushing is not supported. */
import { existsSync } from "node:fs";
import { isAbsolute, join, relative, resolve } from "node:path";
import type { Difference } from "../diff.ts";
import type { Context, Resource } from "../provider.ts";
import { checkFields, type Failure } from "../schema.ts";
import { withoutDefaults } from "../state.ts";
import { containsUnknown, isUnknown, map, type PropertyMap, secret, stringMap, strings, text } from "../values.ts";
import { build } from "./build.ts";
import { contextDigest } from "./context.ts";
import official from "./official-5.2.json" with { type: "json" };
import { inspectImage } from "./pull.ts";
import { image as fields } from "./tables.ts";

const REQUIRED = official["docker:index/image:Image"].required;
const ARCHITECTURES: Record<string, string> = { x64: "amd64", arm64: "arm64", arm: "arm", ia32: "386" };

export const image: Resource = {
  async check(args, context) {
    const checked = checkFields(fields, REQUIRED, args.inputs);
    const inputs = map(withoutDefaults(checked.inputs));
    if (checked.failures.length > 0) return { inputs, failures: checked.failures };
    inputs.buildOnPreview ??= false;
    const block: PropertyMap = { ...map(inputs.build) };
    block.context ??= ".";
    block.dockerfile ??= join(text(block.context), "Dockerfile");
    const failures = inputs.skipPush === true ? [] : [PUSH];
    if (inputs.buildOnPreview === true) failures.push(BUILD_ON_PREVIEW);
    if (!isUnknown(block.dockerfile) && !isUnknown(block.context)) {
      const missing = dockerfileFailure(text(block.dockerfile), text(block.context));
      if (missing) failures.push(missing);
      else block.contextDigest = await contextDigest(text(block.context), text(block.dockerfile));
    }
    if (block.platform === undefined) {
      block.platform = `linux/${ARCHITECTURES[process.arch] ?? process.arch}`;
      context.log("info", `building for ${text(block.platform)}; name another with \`build.platform\``);
    }
    inputs.build = block;
    return { inputs, failures };
  },

  diff(state, inputs) {
    const before = map(state.__inputs);
    const names = [...new Set([...Object.keys(before), ...Object.keys(inputs)])].toSorted();
    const differences = names.flatMap((path): Difference[] => {
      if (same(before[path], inputs[path])) return [];
      const kind = !(path in before) ? "add" : !(path in inputs) ? "delete" : "update";
      return [{ path, kind, replace: false }];
    });
    return { differences, summarise: false };
  },

  // Nothing is built in a preview, so what depends on the new image is not known.
  preview: (inputs) => inputs,

  async create(inputs, context) {
    return { id: text(inputs.imageName), state: await buildImage(inputs, context) };
  },

  // As with the official provider, whether the image still exists is not looked at.
  async read(id, state, inputs) {
    if (Object.keys(state).length === 0) throw new Error("a docker.Image cannot be imported");
    return { id, state: { ...state, __inputs: secret(state.__inputs ?? inputs) }, inputs };
  },

  update: (_id, _state, inputs, context) => buildImage(inputs, context),

  // As with the official provider, the image stays on the engine.
  async delete() {},
};

const PUSH: Failure = {
  property: "skipPush",
  reason: "must be true: the stand-in provider builds images and does not push them",
};
const BUILD_ON_PREVIEW: Failure = {
  property: "buildOnPreview",
  reason: "is not supported by the stand-in provider: a preview builds nothing",
};

function dockerfileFailure(dockerfile: string, context: string): Failure | undefined {
  if (existsSync(dockerfile)) return undefined;
  const inContext = join(context, dockerfile);
  const hint =
    !isAbsolute(dockerfile) && existsSync(inContext) ? `; it is relative to the program: try ${inContext}` : "";
  return { property: "build.dockerfile", reason: `names ${dockerfile}, which cannot be opened${hint}` };
}

function same(a: PropertyMap[string] | undefined, b: PropertyMap[string] | undefined): boolean {
  return !containsUnknown(b) && canonical(a) === canonical(b);
}

function canonical(value: PropertyMap[string] | undefined): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === "object" && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

async function buildImage(inputs: PropertyMap, context: Context): Promise<PropertyMap> {
  const name = text(inputs.imageName);
  const block = map(inputs.build);
  const folder = text(block.context);
  const cacheFrom = strings(map(block.cacheFrom).images);
  await build(
    {
      name,
      context: folder,
      dockerfile: text(block.dockerfile),
      options: {
        buildargs: stringMap(block.args),
        rm: true,
        ...(block.target ? { target: text(block.target) } : {}),
        ...(block.platform ? { platform: text(block.platform) } : {}),
        ...(block.network ? { networkmode: text(block.network) } : {}),
        ...(cacheFrom.length > 0 ? { cachefrom: JSON.stringify(cacheFrom) } : {}),
        ...(strings(block.addHosts).length > 0 ? { extrahosts: strings(block.addHosts).join(" ") } : {}),
      },
    },
    context,
  );
  const built = await inspectImage(name);
  if (!built) throw new Error(`image ${name} was built, but the engine does not know it`);
  return {
    __inputs: secret(inputs),
    baseImageName: name,
    context: folder,
    dockerfile: relative(resolve(folder), resolve(text(block.dockerfile))),
    imageName: name,
    platform: text(block.platform),
    registryServer: "",
    // Never pushed, so there is no digest of a registry: the id, which is as good as one here.
    repoDigest: built.Id,
  };
}
