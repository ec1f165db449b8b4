/**
 * An answer as an event stream: messages one after another, for a reader who may be slow or gone.
 *
 * @module
 */

import { AnswerBody, KEEP_ALIVE } from "./response_body.ts";

/** How much waits for a reader before what it can do without is left out, in bytes. */
const MAX_WAITING_BYTES = 64 * 1024;

const encoder = new TextEncoder();

/** One stream of server-sent events. */
export class EventStream {
  /** Its bytes. */
  readonly body: AnswerBody;
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor() {
    const stream = new ReadableStream<Uint8Array>(
      { start: (controller) => void (this.#controller = controller) },
      new ByteLengthQueuingStrategy({ highWaterMark: MAX_WAITING_BYTES }),
    );
    this.body = new AnswerBody(stream);
  }

  /** Sends a message, whatever still waits for the reader. */
  send(text: string): void {
    this.#enqueue(encoder.encode(`event: message\ndata: ${text}\n\n`));
  }

  /** Sends a message that the reader can do without, unless too much waits for it already. */
  offer(text: string): void {
    if ((this.#controller.desiredSize ?? 0) > 0) this.send(text);
  }

  /** Shows whoever is in between that the connection is in use. */
  keepAlive(): void {
    if (this.#controller.desiredSize === MAX_WAITING_BYTES) this.#enqueue(KEEP_ALIVE);
  }

  /** Ends the stream after what was sent. */
  end(): void {
    try {
      this.#controller.close();
    } catch {
      // The client has closed it already.
    }
  }

  #enqueue(bytes: Uint8Array): void {
    try {
      this.#controller.enqueue(bytes);
    } catch {
      // The client has gone. Its call goes on: a lost connection is no cancellation.
    }
  }
}

/** An HTTP answer that is an event stream; `null` for one that has nothing to say. */
export function eventStreamResponse(body: ReadableStream<Uint8Array> | null): Response {
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      // nginx would keep all of it back to the end.
      "x-accel-buffering": "no",
    },
  });
}
