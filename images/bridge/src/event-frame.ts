import type { ServerResponse } from "node:http";
import { oneLine } from "./lines.ts";

/** Up to here a message is copied: one small write costs less than two, and pins no large read buffer. */
const COPIED_BYTES = 16 * 1_024;

/**
 * One SSE event, as it goes over the wire. A small one is one text in latin-1, byte for byte, because Node puts
 * text and the head of a response into one packet without copying; a large one keeps its message uncopied.
 */
export interface EventFrame {
  readonly head: string;
  /** Undefined if `head` is all. */
  readonly message: Buffer | undefined;
  /** In bytes. */
  readonly length: number;
}

const END = "\n\n";

/** @param id the event's id; without one clients cannot name it (2024-11-05). */
export function eventFrame(message: Buffer, id?: string): EventFrame {
  const data = oneLine(message);
  const head = id === undefined ? "event: message\ndata: " : `event: message\nid: ${id}\ndata: `;
  const length = head.length + data.length + END.length;
  if (data.length <= COPIED_BYTES) return { head: head + data.toString("latin1") + END, message: undefined, length };
  return { head, message: data, length };
}

/** Sends a frame after `before`, and with `last` ends the response. */
export function writeFrame(response: ServerResponse, frame: EventFrame, before: string, last: boolean): void {
  const { head, message } = frame;
  if (message === undefined) {
    if (last) response.end(before + head, "latin1");
    else response.write(before + head, "latin1");
    return;
  }
  // The socket, not the response: a response corked in mid-stream ends its chunks before their last (Node 24).
  const { socket } = response;
  socket?.cork();
  response.write(before + head, "latin1");
  response.write(message);
  if (last) response.end(END, "latin1");
  else response.write(END, "latin1");
  socket?.uncork();
}
