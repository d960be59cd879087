import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { takeLock } from "../../cli/lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mcp-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const said: string[] = [];
const step = { say: (line: string) => said.push(line), state: () => {}, tail: () => {} };

describe("the lock", () => {
  it("lets one in at a time", async () => {
    const order: string[] = [];
    const release = await takeLock(folder, step);
    const second = takeLock(folder, step).then((letGo) => {
      order.push("second in");
      letGo();
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    order.push("first out");
    release();
    await second;
    expect(order).toEqual(["first out", "second in"]);
    expect(said).toEqual([`another set-up is running (process ${process.pid}): waiting for it`]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each(["999999999 1", `${process.pid} 1`, "", "nonsense"])(
    "is taken over from an owner that is gone: %j",
    async (owner) => {
      writeFileSync(join(folder, "setup.lock"), owner);
      const release = await takeLock(folder, step);
      release();
      expect(existsSync(join(folder, "setup.lock"))).toBe(false);
    },
  );

  it("is let go of when the process ends", async () => {
    const before = process.listenerCount("exit");
    const release = await takeLock(folder, step);
    expect(process.listenerCount("exit")).toBe(before + 1);
    release();
    expect(process.listenerCount("exit")).toBe(before);
  });
});
