/**
 * The host's end of the bridge: JSON-RPC messages, one a line, over a pair of byte streams.
 *
 * @module
 */

import { CODE, isObject } from "../../protocol.ts";
import type { Message, RequestId } from "../sdk.ts";

/** The largest message that a host may send, in bytes: as much as the SDK takes from a process. */
const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;
/** How much may wait for a host that reads more slowly than the server speaks, in bytes. */
const MAX_WAITING_BYTES = 64 * 1024 * 1024;
/** What a message that waits takes beside its own bytes, roughly. */
const BYTES_BESIDE = 1024;
const NEWLINE = 0x0a;

/** The two ends that a {@linkcode Host} is reached by. */
export interface ByteStreams {
  /** What the host sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** What the host gets: the protocol and nothing else. */
  readonly writable: WritableStream<Uint8Array>;
}

/** An MCP host that has started this process. */
export class Host {
  readonly #readable: ReadableStream<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  #waitingBytes = 0;

  /** Takes hold of both streams. */
  constructor({ readable, writable }: ByteStreams) {
    this.#readable = readable;
    this.#writer = writable.getWriter();
  }

  /** The host's messages, until its input ends. What is none is answered with an error. */
  async *messages(): AsyncGenerator<Message> {
    for await (const line of linesOf(this.#readable)) {
      const message = line === "too long" ? tooLong() : this.#read(line);
      if (!(message instanceof Refusal)) yield message;
      else await this.#write({ jsonrpc: "2.0", id: message.id, error: message.error });
    }
  }

  /**
   * Gives the host a message. What is sent first arrives first.
   *
   * @throws {Error} If the host is gone, or has more to read already than it ever will.
   */
  async send(message: Message): Promise<void> {
    await this.#write(message);
  }

  async #write(message: object): Promise<void> {
    const line = this.#encoder.encode(`${JSON.stringify(message)}\n`);
    if (this.#waitingBytes > MAX_WAITING_BYTES) {
      throw new Error(`${this.#waitingBytes} bytes are kept for it, and it does not read them`);
    }
    const bytes = line.length + BYTES_BESIDE;
    this.#waitingBytes += bytes;
    await this.#writer.write(line);
    this.#waitingBytes -= bytes;
  }

  #read(line: Uint8Array): Message | Refusal {
    let value: unknown;
    try {
      value = JSON.parse(this.#decoder.decode(line));
    } catch {
      return new Refusal(null, CODE.parseError, "Parse error: the message is not valid JSON");
    }
    if (isMessage(value)) return value;
    const id = isObject(value) && isRequestId(value.id) ? value.id : null;
    const why = Array.isArray(value)
      ? "a batch is not accepted; send each message by itself"
      : "it is no JSON-RPC 2.0 request, notification or answer";
    return new Refusal(id, CODE.invalidRequest, `Invalid request: ${why}`);
  }
}

/** Why a line is no message, and whom to tell. */
class Refusal {
  readonly id: RequestId | null;
  readonly error: { readonly code: number; readonly message: string };

  constructor(id: RequestId | null, code: number, message: string) {
    this.id = id;
    this.error = { code, message };
  }
}

function tooLong(): Refusal {
  const why = `a message can have at most ${MAX_MESSAGE_BYTES} bytes`;
  return new Refusal(null, CODE.invalidRequest, `Invalid request: ${why}`);
}

/** The lines of a stream that are not blank. The last one may end with the stream alone. */
async function* linesOf(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<Uint8Array | "too long"> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (part: Uint8Array) => {
    length += part.length;
    // Of a line that is too long only the length is kept, until its end comes.
    if (length > MAX_MESSAGE_BYTES) parts = [];
    else if (part.length > 0) parts.push(part);
  };
  const finish = (): Uint8Array | "too long" | undefined => {
    const line = length > MAX_MESSAGE_BYTES ? "too long" : joined(parts);
    parts = [];
    length = 0;
    return line === "too long" || line.some((byte) => byte > 0x20) ? line : undefined;
  };
  for await (const chunk of stream) {
    let start = 0;
    for (let end; (end = chunk.indexOf(NEWLINE, start)) !== -1; start = end + 1) {
      take(chunk.subarray(start, end));
      const line = finish();
      if (line !== undefined) yield line;
    }
    take(chunk.subarray(start));
  }
  const last = finish();
  if (last !== undefined) yield last;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first, ...rest] = parts;
  if (first !== undefined && rest.length === 0) return first;
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function isMessage(value: unknown): value is Message {
  if (!isObject(value) || value.jsonrpc !== "2.0") return false;
  const { id, method, params, result, error } = value;
  if (Object.hasOwn(value, "method")) {
    return typeof method === "string" && (!Object.hasOwn(value, "id") || isRequestId(id)) &&
      (params === undefined || isObject(params));
  }
  return isRequestId(id) && (isObject(result) || isObject(error));
}

function isRequestId(value: unknown): value is RequestId {
  return typeof value === "string" || Number.isSafeInteger(value);
}
