/**
 * The stdio transport: JSON-RPC messages, one a line, over a pair of byte streams.
 *
 * The SDK's own transport drops a malformed line without a response, stops for good at a line that is
 * too long, buffers unread output without a limit, and does not report the end of its input.
 *
 * @module
 */

import { cancelledId } from "../../jsonrpc/message.ts";
import { linesOf, type LongLine, MAX_MESSAGE_BYTES } from "../../jsonrpc/lines.ts";
import { Strays } from "../../jsonrpc/strays.ts";
import { ACKNOWLEDGED } from "../../protocol/subscription.ts";
import { asError } from "../../runtime/errors.ts";
import type { EraSendOptions, EraTransport, ServedEras } from "./era/era_transport.ts";
import { encodeResponse, errorMessage, readRequest } from "./message_reader.ts";
import { FlowControl } from "./stdio_flow_control.ts";
import type { JSONRPCMessage, RequestId, Transport, TransportSendOptions } from "./sdk.ts";

interface ByteStreams {
  readonly readable: ReadableStream<Uint8Array>;
  /** Output to the client: the protocol and nothing else. */
  readonly writable: WritableStream<Uint8Array>;
}

/**
 * Serves one client over standard input and output. While the client does not read, its input is not
 * read either; a client that has closed its end is gone.
 */
export class StdioTransport implements EraTransport {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #flow = new FlowControl();
  readonly #ownRequests = new Set<RequestId>();
  readonly #strays = new Strays((message) => this.onerror?.(new Error(message)));
  readonly #firstMessage = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #isDisconnected = false;
  #isClosed = false;
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: Transport["onmessage"];
  servedEras: ServedEras = "both";
  onstop?: (() => void) | undefined;

  /** Locks both streams until `close`. */
  constructor({ readable, writable }: ByteStreams) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
  }

  /** Resolves when the first message has been passed on, or there will be none. */
  get firstMessage(): Promise<void> {
    return this.#firstMessage.promise;
  }

  /** Resolves when the client has closed either of its ends, or this transport is closed. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  start(): Promise<void> {
    void this.#read();
    return Promise.resolve();
  }

  /** @throws {Error} if the client has closed its end. */
  async send(message: JSONRPCMessage, options?: EraSendOptions): Promise<void> {
    if ("method" in message) return await this.#push(message, options);
    const { id } = message;
    if (id === undefined) return await this.#write(message);
    try {
      await this.#writeText(encodeResponse({ ...message, id }, options).text);
    } finally {
      // The call is over, even if the client is gone.
      this.#flow.end(id);
    }
  }

  /** Ends what is open without end, and resolves when every request has its response. */
  async stop(): Promise<void> {
    this.onstop?.();
    await this.#flow.drained();
    // Writes are done in order: what was sent before this one has gone out.
    await this.#writer.write(new Uint8Array()).catch(() => {/* The client is gone. */});
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#flow.stop();
    await this.#reader.cancel().catch(() => {});
    this.#reader.releaseLock();
    this.#writer.releaseLock();
    this.#ended.resolve();
    this.onclose?.();
  }

  /** Sends a request or notification; a client far behind misses all notifications but cancellations. */
  async #push(
    message: Extract<JSONRPCMessage, { method: string }>,
    options: TransportSendOptions | undefined,
  ): Promise<void> {
    const cancelled = cancelledId(message);
    const related = options?.relatedRequestId;
    if ("id" in message) this.#ownRequests.add(message.id);
    // A subscription stays open: nobody waits for its response.
    else if (message.method === ACKNOWLEDGED && related !== undefined) this.#flow.end(related);
    else if (cancelled !== undefined) this.#ownRequests.delete(cancelled);
    else if (this.#flow.unread.isFull) return;
    await this.#write(message);
  }

  async #read(): Promise<void> {
    try {
      for await (const lines of linesOf(this.#reader, MAX_MESSAGE_BYTES)) {
        for (const line of lines) {
          if (!this.#flow.hasRoom) await this.#flow.room();
          if (this.#isClosed || this.#isDisconnected) return;
          await this.#receive(line);
          this.#firstMessage.resolve();
        }
      }
    } catch (error) {
      if (!this.#isClosed) this.onerror?.(asError(error));
    }
    this.#firstMessage.resolve();
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
      if (message.id !== undefined && this.#ownRequests.delete(message.id)) {
        this.onmessage?.(message);
      } else this.#strays.add("The client has sent a response that belongs to no pending request");
      return;
    }
    if ("id" in message) this.#flow.begin(message.id);
    const cancelled = cancelledId(message);
    if (cancelled !== undefined) this.#flow.end(cancelled);
    this.onmessage?.(message);
  }

  #write(message: object): Promise<void> {
    return this.#writeText(JSON.stringify(message));
  }

  async #writeText(text: string): Promise<void> {
    if (this.#isClosed) return;
    const line = this.#encoder.encode(`${text}\n`);
    this.#flow.unread.add(line.length);
    try {
      await this.#writer.write(line);
    } catch (cause) {
      this.#isDisconnected = true;
      this.#ended.resolve();
      this.#flow.stop();
      throw new Error("The client has closed its end", { cause });
    } finally {
      this.#flow.unread.remove(line.length);
    }
  }
}
