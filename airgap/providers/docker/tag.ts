/** `docker:index/tag:Tag`: a second name for an image. */
import type { Resource } from "../provider.ts";
import { previewState } from "../state.ts";
import { type PropertyMap, text } from "../values.ts";
import { engine, engineCall, isMissing } from "./client.ts";
import { inspectImage, withTag } from "./pull.ts";
import { check, diff, type ResourceType, type Rules, record } from "./resource.ts";
import { tag as fields } from "./tables.ts";

const TYPE: ResourceType = "docker:index/tag:Tag";
const RULES: Rules = { fields };

export const tag: Resource = {
  async check(args) {
    return check(TYPE, RULES, args);
  },
  diff: (state, inputs) => diff(TYPE, RULES, state, inputs),
  preview: (inputs, state) => previewState(fields, inputs, state),

  async create(inputs) {
    const source = text(inputs.sourceImage);
    const target = text(inputs.targetImage);
    const doing = `image ${source} could not be tagged ${target}`;
    const [, repo, name] = /^(.*):([^/:]+)$/.exec(withTag(target)) ?? [];
    const found = await engineCall(async () => {
      await engine()
        .getImage(source)
        .tag({ repo: repo ?? target, tag: name ?? "latest" });
      return await engine().getImage(source).inspect();
    }, doing);
    const id = `${source}.${target}`;
    return { id, state: record(TYPE, fields, id, inputs, { sourceImageId: found.Id }) };
  },

  async read(id, state, inputs) {
    const found = await inspectImage(text(state.targetImage));
    return found ? { id, state: { ...state, sourceImageId: found.Id } satisfies PropertyMap, inputs } : undefined;
  },

  async delete(_id, state) {
    await engineCall(async () => {
      try {
        await engine().getImage(text(state.targetImage)).remove({ noprune: true });
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    });
  },
};
