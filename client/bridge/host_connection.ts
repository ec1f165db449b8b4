/**
 * The bridge's connection to its host: JSON-RPC messages, one a line, over a pair of byte streams.
 *
 * @module
 */

import { Backlog } from "../../jsonrpc/backpressure.ts";
import { linesOf, MAX_MESSAGE_BYTES } from "../../jsonrpc/lines.ts";
import { asMessage, readMessage, type Refused } from "../../jsonrpc/message.ts";
import { Strays } from "../../jsonrpc/strays.ts";
import type { JSONRPCMessage } from "../sdk.ts";

/** Unread bytes past which {@linkcode Host.room} waits. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024;

export interface HostOptions {
  readonly readable: ReadableStream<Uint8Array>;
  /** To the host: the protocol and nothing else. */
  readonly writable: WritableStream<Uint8Array>;
  /** Told of lines that are neither messages nor answered. */
  readonly stray: (message: string) => void;
}

/** The MCP host that has started this process. */
export class Host {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #unread = new Backlog(MAX_UNREAD_BYTES);
  readonly #strays: Strays;
  #writing: Promise<void> = Promise.resolve();
  #ended = false;

  constructor({ readable, writable, stray }: HostOptions) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    this.#strays = new Strays(stray);
  }

  /** Whether the host has ended its input. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * The host's messages and their lengths, until its input ends, read only as fast as the host reads.
   * A line that is no message gets an error response, unless it has no `method`: peers that answer each
   * other's responses never end.
   */
  async *messages(): AsyncGenerator<{ message: JSONRPCMessage; bytes: number }> {
    for await (const lines of linesOf(this.#reader, MAX_MESSAGE_BYTES)) {
      for (const line of lines) {
        const incoming = readMessage<JSONRPCMessage>(line, asMessage);
        if (incoming.kind !== "message") await this.#refuse(incoming);
        else yield { message: incoming.message, bytes: line.length };
        await this.room();
      }
    }
    this.#ended = true;
  }

  /** Resolves when the host has read enough of what it was sent: the backpressure of a host. */
  room(): Promise<void> {
    return this.#unread.room();
  }

  /**
   * Sends the host a message, in order. Errors for lines without a readable id have the id `null`.
   *
   * @throws {Error} If the host is gone.
   */
  async send(message: JSONRPCMessage | { id: Refused["id"]; error: object }): Promise<void> {
    const line = this.#encoder.encode(`${JSON.stringify(message)}\n`);
    this.#unread.add(line.length);
    try {
      this.#writing = this.#writer.write(line);
      await this.#writing;
    } catch (error) {
      this.#unread.end();
      throw error;
    }
    this.#unread.remove(line.length);
  }

  /** Resolves when all that was sent has been written, or the host is gone. */
  async flushed(): Promise<void> {
    await this.#writing.catch(() => {});
  }

  async #refuse(refused: Refused): Promise<void> {
    const { id, error: { code, message } } = refused;
    if (refused.kind === "stray") {
      return this.#strays.add(`the host has sent a response that is none: ${message}`);
    }
    await this.send({ jsonrpc: "2.0", id, error: { code, message } });
  }
}
