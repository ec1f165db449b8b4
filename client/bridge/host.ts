/**
 * The host's end of the bridge: JSON-RPC messages, one a line, over a pair of byte streams.
 *
 * @module
 */

import { Backlog } from "../../jsonrpc/backpressure.ts";
import { type Envelope, envelopeOf, type RequestId } from "../../jsonrpc/envelope.ts";
import { linesOf, LongLine, MAX_MESSAGE_BYTES } from "../../jsonrpc/lines.ts";
import { isNestedDeeper, MAX_NESTING } from "../../jsonrpc/nesting.ts";
import { Strays } from "../../jsonrpc/strays.ts";
import { CODE } from "../../protocol/errors.ts";
import { isObject } from "../../runtime/json.ts";
import { isMessage } from "../connection/message.ts";
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
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
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
        const message = this.#read(line);
        if (message instanceof Refusal) await this.#refuse(message);
        else yield { message, bytes: line.length };
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

  async #refuse({ id, error, isAnswered }: Refusal): Promise<void> {
    if (isAnswered) return await this.#write({ jsonrpc: "2.0", id, error });
    this.#strays.add(`the host has sent an answer that is none: ${error.message}`);
  }

  #read(line: Uint8Array | LongLine): JSONRPCMessage | Refusal {
    if (line instanceof LongLine) {
      const why = `a message can have at most ${MAX_MESSAGE_BYTES} bytes`;
      return new Refusal(line.envelope, why);
    }
    let value: unknown;
    let text: string;
    try {
      text = this.#decoder.decode(line);
      value = JSON.parse(text);
    } catch {
      return new Refusal(undefined, undefined);
    }
    if (!isObject(value)) {
      const isBatch = Array.isArray(value);
      const why = isBatch ? "a batch is not accepted; send each message by itself" : NONE;
      return new Refusal(undefined, why);
    }
    if (isNestedDeeper(text, MAX_NESTING)) {
      const why = `a message can be nested at most ${MAX_NESTING} levels deep`;
      return new Refusal(envelopeOf(value), why);
    }
    // Absent and null are the same there.
    const { params, ...rest } = value;
    const message = params === null ? rest : value;
    return isMessage(message) ? message : new Refusal(envelopeOf(value), NONE);
  }
}

const NONE = "it is no JSON-RPC 2.0 request, notification or answer";

/** Why a line is no message, and whom to tell, if anybody. */
class Refusal {
  readonly id: RequestId | null;
  readonly error: { readonly code: number; readonly message: string };
  readonly isAnswered: boolean;

  /** Without `why` it is no JSON. */
  constructor(envelope: Envelope | undefined, why: string | undefined) {
    this.id = envelope?.id ?? null;
    this.isAnswered = envelope === undefined || envelope.kind === "call";
    this.error = why === undefined
      ? { code: CODE.parseError, message: "Parse error: the message is not valid JSON" }
      : { code: CODE.invalidRequest, message: `Invalid request: ${why}` };
  }
}
