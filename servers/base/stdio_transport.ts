/**
 * The stdio transport: JSON-RPC messages, one a line, over a pair of byte streams.
 *
 * The SDK's own drops a line that it cannot read without an answer, stops for good at one that is
 * too long, keeps without bound what the client does not read, and does not tell when its input ends.
 *
 * @module
 */

import { cancelledId } from "../../jsonrpc/message.ts";
import { linesOf, type LongLine, MAX_MESSAGE_BYTES } from "../../jsonrpc/lines.ts";
import { Strays } from "../../jsonrpc/strays.ts";
import { asError } from "../../runtime/errors.ts";
import { encodeResponse, errorMessage, readRequest } from "./message_reader.ts";
import { Pace } from "./stdio_pacing.ts";
import type { JSONRPCMessage, RequestId, Transport } from "./sdk.ts";

/** The two ends that a {@linkcode StdioTransport} talks over. */
export interface ByteStreams {
  /** What the client sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the client gets: the protocol and nothing else. */
  readonly writable: WritableStream<Uint8Array>;
}

/**
 * Serves one client over standard input and output. A client that does not read is not listened to
 * any further, and one that has closed its end is gone.
 */
export class StdioTransport implements Transport {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #pace = new Pace();
  /** The server's own requests that the client has not answered. */
  readonly #asked = new Set<RequestId>();
  readonly #strays = new Strays((message) => this.onerror?.(new Error(message)));
  readonly #heard = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  /** Has the client closed its end, so that it hears of nothing that it may still ask for? */
  #isDeaf = false;
  #closed = false;
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: Transport["onmessage"];

  /** Takes hold of both streams; `close` lets go of them. */
  constructor({ readable, writable }: ByteStreams) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
  }

  /** Resolves when the first message has been passed on, or there will be none. */
  get heard(): Promise<void> {
    return this.#heard.promise;
  }

  /** Resolves when the client has closed either of its ends, or this transport is closed. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  start(): Promise<void> {
    void this.#read();
    return Promise.resolve();
  }

  /** @throws {Error} If the client has closed its end. */
  async send(message: JSONRPCMessage): Promise<void> {
    if ("method" in message) return await this.#say(message);
    const { id } = message;
    if (id === undefined) return await this.#write(message);
    try {
      await this.#writeText(encodeResponse({ ...message, id }).text);
    } finally {
      // The call is over, whoever is there to hear of it.
      this.#pace.ended(id);
    }
  }

  /** Resolves when every request that came in has its answer. */
  drained(): Promise<void> {
    return this.#pace.drained();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#pace.stop();
    await this.#reader.cancel().catch(() => {});
    this.#reader.releaseLock();
    this.#writer.releaseLock();
    this.#ended.resolve();
    this.onclose?.();
  }

  /** Sends what is no answer; a client that is far behind can do without most notifications. */
  async #say(message: Extract<JSONRPCMessage, { method: string }>): Promise<void> {
    const cancelled = cancelledId(message);
    if ("id" in message) this.#asked.add(message.id);
    else if (cancelled !== undefined) this.#asked.delete(cancelled);
    else if (this.#pace.unread.isFull) return;
    await this.#write(message);
  }

  async #read(): Promise<void> {
    try {
      for await (const lines of linesOf(this.#reader, MAX_MESSAGE_BYTES)) {
        for (const line of lines) {
          if (!this.#pace.hasRoom) await this.#pace.room();
          if (this.#closed || this.#isDeaf) return;
          await this.#receive(line);
          this.#heard.resolve();
        }
      }
    } catch (error) {
      if (!this.#closed) this.onerror?.(asError(error));
    }
    this.#heard.resolve();
    this.#ended.resolve();
  }

  async #receive(line: Uint8Array | LongLine): Promise<void> {
    const incoming = readRequest(line);
    if (incoming.kind !== "message") {
      this.#strays.add(incoming.error.message);
      if (incoming.kind === "error") await this.#write(errorMessage(incoming.id, incoming.error));
      return;
    }
    const { message } = incoming;
    if (!("method" in message)) {
      if (message.id !== undefined && this.#asked.delete(message.id)) this.onmessage?.(message);
      else this.#strays.add("The client has answered what nobody asked, or has answered twice");
      return;
    }
    if ("id" in message) this.#pace.began(message.id);
    const cancelled = cancelledId(message);
    if (cancelled !== undefined) this.#pace.ended(cancelled);
    this.onmessage?.(message);
  }

  #write(message: object): Promise<void> {
    return this.#writeText(JSON.stringify(message));
  }

  async #writeText(text: string): Promise<void> {
    if (this.#closed) return;
    const line = this.#encoder.encode(`${text}\n`);
    this.#pace.unread.add(line.length);
    try {
      await this.#writer.write(line);
    } catch (cause) {
      this.#isDeaf = true;
      this.#ended.resolve();
      this.#pace.stop();
      throw new Error("The client reads no more", { cause });
    } finally {
      this.#pace.unread.remove(line.length);
    }
  }
}
