/**
 * The host's end of the bridge: JSON-RPC messages, one a line, over a pair of byte streams.
 *
 * @module
 */

import { Backlog } from "../../jsonrpc/backpressure.ts";
import { linesOf, MAX_MESSAGE_BYTES } from "../../jsonrpc/lines.ts";
import { asMessage, readMessage, type Refused } from "../../jsonrpc/message.ts";
import { Strays } from "../../jsonrpc/strays.ts";
import type { JSONRPCMessage } from "../sdk.ts";

/** How much may wait for the host to read it, in bytes, before nothing more is taken for it. */
const MAX_UNREAD_BYTES = 32 * 1024 * 1024;

/** What a {@linkcode Host} is made of. */
export interface HostParts {
  /** What the host sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the host gets: the protocol and nothing else. */
  readonly writable: WritableStream<Uint8Array>;
  /** Told of what the host sends that is of no use and is not answered. */
  readonly stray: (message: string) => void;
}

/** A message of the host's, and how many bytes it had. */
export interface HostMessage {
  readonly message: JSONRPCMessage;
  readonly bytes: number;
}

/** An MCP host that has started this process. */
export class Host {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #unread = new Backlog(MAX_UNREAD_BYTES);
  readonly #strays: Strays;
  #ended = false;

  /** Takes hold of both streams. */
  constructor({ readable, writable, stray }: HostParts) {
    this.#reader = readable.getReader();
    this.#writer = writable.getWriter();
    this.#strays = new Strays(stray);
  }

  /** Has the host ended its input? */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * The host's messages, until its input ends; taken only as fast as the host reads. What is none is
   * answered with an error, unless it has no `method`: two who answer each other's answers never end.
   */
  async *messages(): AsyncGenerator<HostMessage> {
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

  /** Resolves when the host has not too much to read already. */
  room(): Promise<void> {
    return this.#unread.room();
  }

  /**
   * Gives the host a message. What is sent first arrives first.
   *
   * @throws {Error} If the host is gone.
   */
  async send(message: JSONRPCMessage): Promise<void> {
    await this.#write(message);
  }

  async #write(message: object): Promise<void> {
    const line = this.#encoder.encode(`${JSON.stringify(message)}\n`);
    this.#unread.add(line.length);
    try {
      await this.#writer.write(line);
    } catch (error) {
      this.#unread.end();
      throw error;
    }
    this.#unread.remove(line.length);
  }

  async #refuse(refused: Refused): Promise<void> {
    const { id, error: { code, message } } = refused;
    if (refused.kind === "stray") {
      return this.#strays.add(`the host has sent a response that is none: ${message}`);
    }
    await this.#write({ jsonrpc: "2.0", id, error: { code, message } });
  }
}
