import * as pulumi from "@pulumi/pulumi";

/** What a resource was given. */
export interface Recorded {
  readonly type: string;
  readonly inputs: Record<string, unknown>;
}

/**
 * Lets Pulumi record resources instead of making them; components have to be imported after it, or their resources
 * would look for a real engine. Every random text is `secret`; images have an id made of their names.
 *
 * @returns what was recorded, by name
 */
export async function recordResources(secret = ""): Promise<Map<string, Recorded>> {
  const recorded = new Map<string, Recorded>();
  await pulumi.runtime.setMocks(
    {
      newResource: ({ name, type, inputs }) => {
        recorded.set(name, { type, inputs });
        const outputs = type.startsWith("random:") ? { result: secret } : { imageId: `sha256:${name}` };
        return { id: `${name}-id`, state: { ...inputs, ...outputs } };
      },
      call: ({ inputs }) => inputs,
    },
    "mcp-infrastructure",
    "test",
    false,
  );
  return recorded;
}

/** The value of an output, once it has one. */
export const settled = <Value>(output: pulumi.Output<Value>): Promise<Value> =>
  new Promise((resolve) => {
    output.apply(resolve);
  });

/** A secret comes wrapped to the mocks. */
export const unwrapped = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "value" in value ? value.value : value;
