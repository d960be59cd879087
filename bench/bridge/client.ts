/**
 * The load client, in a process of its own. Gets a target and a load from its parent, says when it is warm and when
 * it has measured, waits to be told to go on each time, and sends what it found.
 */
import type { Target } from "./client-session.ts";
import { type Load, type LoadResult, runLoad } from "./load.ts";

export interface ClientJob {
  readonly target: Target;
  readonly load: Load;
}

export type ClientReport =
  | { readonly kind: "warm" | "measured" }
  | { readonly kind: "result"; readonly result: LoadResult }
  | { readonly kind: "failed"; readonly message: string };

let goOn: () => void = () => {};

function report(message: ClientReport): void {
  process.send?.(message);
}

function gate(kind: "warm" | "measured"): Promise<void> {
  return new Promise((resolve) => {
    goOn = resolve;
    report({ kind });
  });
}

process.on("message", (message: ClientJob | "go on") => {
  if (message === "go on") return goOn();
  void runLoad(message.target, message.load, { warm: () => gate("warm"), measured: () => gate("measured") })
    .then((result) => report({ kind: "result", result }))
    .catch((error: unknown) =>
      report({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
    );
});
// Ctrl-C reaches the whole group; what ends the measurement is the parent's to say.
for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => {});
// Its parent has gone: so has the reason to load anyone.
process.on("disconnect", () => process.exit(0));
