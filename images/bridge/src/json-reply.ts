import type { ServerResponse } from "node:http";
import { sendJson } from "./http.ts";
import type { Delivery, Outlet } from "./outlet.ts";

/** Answers one request with one JSON body; used for `initialize`, whose outcome decides the headers. */
export class JsonReply implements Outlet {
  readonly #response: ServerResponse;
  readonly #onAnswer: (delivery: Delivery) => void;

  constructor(response: ServerResponse, onAnswer: (delivery: Delivery) => void) {
    this.#response = response;
    this.#onAnswer = onAnswer;
  }

  get attached(): boolean {
    return !this.#response.destroyed && !this.#response.headersSent;
  }

  deliver(message: Buffer, delivery: Delivery): void {
    if (!this.attached) return;
    this.#onAnswer(delivery);
    sendJson(this.#response, 200, message);
  }

  release(): void {
    if (this.attached) sendJson(this.#response, 200, "");
  }
}
