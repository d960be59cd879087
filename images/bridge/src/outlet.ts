/** What a message is to the stream it is written to. */
export type Delivery =
  /** The result that a request waited for. */
  | "result"
  /** The error that a request waited for. */
  | "error"
  /** A notification or a request of the server. */
  | "event";

/** Where messages for the client go: a stream, or a single JSON reply. */
export interface Outlet {
  /** A client is connected and reads. */
  readonly attached: boolean;
  deliver(message: Buffer, delivery: Delivery): void;
  /** A request that this outlet waited for will get no answer (it was cancelled). */
  release(): void;
}
