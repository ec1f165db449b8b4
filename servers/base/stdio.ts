/**
 * The stdio transport: JSON-RPC messages, one a line, over a pair of byte streams.
 *
 * The SDK's own drops a line that it cannot read without an answer, stops for good at one that is
 * too long, and does not tell when its input ends.
 *
 * @module
 */

import { asError } from "./errors.ts";
import { errorMessage, MAX_MESSAGE_BYTES, readMessage, tooLarge, written } from "./message.ts";
import type { JSONRPCMessage, RequestId, Transport } from "./sdk.ts";

const NEWLINE = 0x0a;

/** The two ends that a {@linkcode StdioTransport} talks over. */
export interface ByteStreams {
  /** What the client sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the client gets: the protocol and nothing else. */
  readonly writable: WritableStream<Uint8Array>;
}

/** Serves one client over standard input and output. */
export class StdioTransport implements Transport {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #unanswered = new Map<RequestId, number>();
  readonly #ended = Promise.withResolvers<void>();
  #drained: (() => void) | undefined;
  #closed = false;
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: Transport["onmessage"];

  /** Takes hold of both streams; `close` lets go of them. */
  constructor({ readable, writable }: ByteStreams) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
  }

  /** Resolves when the client has closed its end, or this transport is closed. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  start(): Promise<void> {
    void this.#read();
    return Promise.resolve();
  }

  async send(message: JSONRPCMessage): Promise<void> {
    if ("method" in message || message.id === undefined) return await this.#write(message);
    const { id } = message;
    await this.#writeText(written({ ...message, id }).text);
    this.#answered(id);
  }

  /** Resolves when every request that came in has its answer. */
  async drained(): Promise<void> {
    if (this.#unanswered.size === 0) return;
    await new Promise<void>((resolve) => this.#drained = resolve);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#reader.cancel().catch(() => {});
    this.#reader.releaseLock();
    this.#writer.releaseLock();
    this.#ended.resolve();
    this.onclose?.();
  }

  async #read(): Promise<void> {
    try {
      let parts: Uint8Array[] = [];
      let length = 0;
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) break;
        let start = 0;
        for (let end; (end = value.indexOf(NEWLINE, start)) !== -1; start = end + 1) {
          const line = value.subarray(start, end);
          if (length + line.length > MAX_MESSAGE_BYTES) await this.#refuseLine();
          else await this.#receive(parts.length === 0 ? line : joined([...parts, line]));
          parts = [];
          length = 0;
        }
        const rest = value.subarray(start);
        length += rest.length;
        // Of a line that is too long only the length is kept, until its end comes.
        if (length > MAX_MESSAGE_BYTES) parts = [];
        else if (rest.length > 0) parts.push(rest);
      }
      if (this.#closed) return;
      // The last line may end with the input alone.
      if (length > MAX_MESSAGE_BYTES) await this.#refuseLine();
      else if (length > 0) await this.#receive(joined(parts));
    } catch (error) {
      if (!this.#closed) this.onerror?.(asError(error));
    }
    this.#ended.resolve();
  }

  async #receive(line: Uint8Array): Promise<void> {
    if (line.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)) return;
    const incoming = readMessage(line);
    if (incoming.kind === "error") {
      this.onerror?.(incoming.error);
      return await this.#write(errorMessage(incoming.id, incoming.error));
    }
    const { message } = incoming;
    if ("method" in message && "id" in message) {
      this.#unanswered.set(message.id, (this.#unanswered.get(message.id) ?? 0) + 1);
    }
    if ("method" in message && message.method === "notifications/cancelled") {
      const id = message.params?.requestId;
      if (typeof id === "string" || typeof id === "number") this.#answered(id);
    }
    this.onmessage?.(message);
  }

  async #refuseLine(): Promise<void> {
    const error = tooLarge();
    this.onerror?.(error);
    await this.#write(errorMessage(null, error));
  }

  #answered(id: RequestId): void {
    const left = (this.#unanswered.get(id) ?? 0) - 1;
    if (left > 0) this.#unanswered.set(id, left);
    else this.#unanswered.delete(id);
    if (this.#unanswered.size === 0) this.#drained?.();
  }

  #write(message: object): Promise<void> {
    return this.#writeText(JSON.stringify(message));
  }

  async #writeText(text: string): Promise<void> {
    if (this.#closed) return;
    await this.#writer.write(this.#encoder.encode(`${text}\n`));
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
