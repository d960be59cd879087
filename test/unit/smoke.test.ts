import { expect, test } from "vitest";

test("node runs TypeScript as it is", () => expect(process.features.typescript).toBe("strip"));
