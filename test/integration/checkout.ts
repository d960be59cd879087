import { execFile, execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { repository } from "../unit/fixtures.ts";

/** What a command printed and how it ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  /** Both its streams, standard output first. */
  readonly output: string;
}

/** Runs a command to its end, whatever its exit code. */
export function run(command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Ran> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== "number") reject(error);
      else resolve({ code: Number(error?.code ?? 0), stdout, output: stdout + stderr });
    });
  });
}

/** Copies the project as git sees it, with what is not committed yet, for tests that change files. */
export function copyProject(folder: string, wanted: (path: string) => boolean = () => true): void {
  const list = ["ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate"];
  for (const file of execFileSync("git", list, { cwd: repository, encoding: "utf8" }).split("\n"))
    if (file !== "" && wanted(file)) cpSync(join(repository, file), join(folder, file));
  symlinkSync(join(repository, "node_modules"), join(folder, "node_modules"));
}

/** A copy of the whole project, used as a user would: nothing of this test run's own set-up reaches it. */
export class Checkout {
  readonly name = `mcpt-${randomBytes(3).toString("hex")}`;
  readonly folder = mkdtempSync(join(tmpdir(), "mcp-checkout-"));

  constructor() {
    copyProject(this.folder);
  }

  run(command: string, args: readonly string[]): Promise<Ran> {
    const kept = Object.entries(process.env).filter(([name]) => !/^(PULUMI|MCP|npm|VITEST)_/i.test(name));
    const path = (process.env.PATH ?? "").split(delimiter).filter((entry) => !entry.endsWith(join(".mcp", "bin")));
    return run(command, args, this.folder, { ...Object.fromEntries(kept), PATH: path.join(delimiter) });
  }

  read(file: string): string {
    return readFileSync(join(this.folder, file), "utf8");
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
