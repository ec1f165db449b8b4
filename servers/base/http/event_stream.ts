/**
 * A response as a stream of server-sent events, with backpressure: a slow client misses notifications.
 *
 * @module
 */

import { KEEP_ALIVE, ResponseBody } from "./response_body.ts";

/** The bytes that may wait for the client before notifications are dropped. */
const MAX_UNREAD_BYTES = 64 * 1024;

const encoder = new TextEncoder();

export class EventStream {
  readonly body: ResponseBody;
  #controller!: ReadableStreamDefaultController<Uint8Array>;

  constructor() {
    const stream = new ReadableStream<Uint8Array>(
      { start: (controller) => void (this.#controller = controller) },
      new ByteLengthQueuingStrategy({ highWaterMark: MAX_UNREAD_BYTES }),
    );
    this.body = new ResponseBody(stream);
  }

  send(text: string): void {
    this.#enqueue(encoder.encode(`event: message\ndata: ${text}\n\n`));
  }

  /** Sends a message unless too much waits to be read. */
  trySend(text: string): void {
    if ((this.#controller.desiredSize ?? 0) > 0) this.send(text);
  }

  /** Keeps the connection alive for the proxies on the way. */
  keepAlive(): void {
    if (this.#controller.desiredSize === MAX_UNREAD_BYTES) this.#enqueue(KEEP_ALIVE);
  }

  end(): void {
    try {
      this.#controller.close();
    } catch {
      // The client has closed the stream already.
    }
  }

  #enqueue(bytes: Uint8Array): void {
    try {
      this.#controller.enqueue(bytes);
    } catch {
      // The client has gone. Its call goes on, as a lost connection is no cancellation.
    }
  }
}

export function eventStreamResponse(body: ReadableStream<Uint8Array> | null): Response {
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-store, no-transform",
      // nginx would buffer the whole stream.
      "x-accel-buffering": "no",
    },
  });
}
