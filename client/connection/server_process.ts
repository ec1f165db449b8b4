/**
 * The stdio transport to a server process, with bounds.
 *
 * The SDK's own ends the server at an answer past 10 MiB, never settles a request whose answer is
 * unreadable, buffers unread input without bound, and may leave the process behind.
 *
 * @module
 */

import { setImmediate } from "node:timers/promises";
import { type Envelope, envelopeOf } from "../../jsonrpc/envelope.ts";
import { linesOf, LongLine } from "../../jsonrpc/lines.ts";
import { asMessage } from "../../jsonrpc/message.ts";
import { Strays } from "../../jsonrpc/strays.ts";
import { CODE } from "../../protocol/errors.ts";
import { asError } from "../../runtime/errors.ts";
import { isObject } from "../../runtime/json.ts";
import { NeverSentError } from "./send_errors.ts";
import { endProcess, startProcess } from "./child_processes.ts";
import type { JSONRPCErrorResponse, JSONRPCMessage, Transport } from "../sdk.ts";

/** The largest message taken from a server, in bytes: more than a host would take. */
const MAX_MESSAGE_BYTES = 10 * 1024 * 1024;

export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  /** Backpressure: resolves when the next message can be taken from the server. */
  readonly room?: () => Promise<void>;
}

/** A server process, with the environment and stderr of this one. */
export class ServerProcess implements Transport {
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  onmessage?: ((message: JSONRPCMessage) => void) | undefined;

  readonly #command: ServerCommand;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });
  readonly #strays = new Strays((message) => this.onerror?.(new Error(message)));
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined;
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #process: Deno.ChildProcess | undefined;
  #closing: Promise<void> | undefined;

  constructor(command: ServerCommand) {
    this.#command = command;
  }

  start(): Promise<void> {
    return Promise.try(() => {
      const { command, args } = this.#command;
      const [stdin, stdout, stderr] = ["piped", "piped", "inherit"] as const;
      this.#process = startProcess(command, { args: [...args], stdin, stdout, stderr });
      this.#writer = this.#process.stdin.getWriter();
      this.#reader = this.#process.stdout.getReader();
      void this.#read(this.#reader);
    });
  }

  /** Resolves when the pipe has taken the message; else throws a {@linkcode NeverSentError}. */
  async send(message: JSONRPCMessage): Promise<void> {
    const line = this.#encoder.encode(`${JSON.stringify(message)}\n`);
    try {
      if (this.#writer === undefined) throw new Error("it has not been started");
      await this.#writer.write(line);
    } catch (cause) {
      // A line that was taken in part is no message.
      void this.close();
      throw new NeverSentError("The server's process reads no more", { cause });
    }
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    // Not awaited: a process that does not read would delay it.
    this.#writer?.close().catch(() => {});
    if (this.#process !== undefined) await endProcess(this.#process);
    await this.#reader?.cancel().catch(() => {});
    this.onclose?.();
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    try {
      for await (const lines of linesOf(reader, MAX_MESSAGE_BYTES)) {
        for (const line of lines) {
          this.#receive(line);
          if (this.#closing === undefined) await this.#command.room?.();
        }
        // A pipe that is never empty is read without a turn of the event loop.
        await setImmediate();
      }
    } catch (error) {
      this.onerror?.(asError(error));
    }
    void this.close();
  }

  #receive(line: Uint8Array | LongLine): void {
    if (line instanceof LongLine) {
      return this.#refuse(line.envelope, `has more than ${MAX_MESSAGE_BYTES} bytes: ask for less`);
    }
    let value: unknown;
    try {
      value = JSON.parse(this.#decoder.decode(line));
    } catch {
      return this.#strays.add("The server wrote a line to stdout that is no JSON");
    }
    let message: JSONRPCMessage;
    try {
      message = asMessage(value);
    } catch {
      return this.#refuse(isObject(value) ? envelopeOf(value) : undefined, "is malformed");
    }
    this.onmessage?.(message);
  }

  /** Answers the request that an unusable line belongs to, as it would wait forever. */
  #refuse(envelope: Envelope | undefined, why: string): void {
    const { id, kind } = envelope ?? {};
    if (id === undefined || kind === "neither") {
      this.#strays.add(`The server wrote a line to stdout that tells no id and ${why}`);
    } else if (kind === "answer") {
      const message = `The server has carried out the request, but its answer ${why}`;
      this.onmessage?.(failed(id, CODE.internalError, message));
    } else {
      const answer = failed(id, CODE.invalidRequest, `Invalid request: it ${why}`);
      this.send(answer).catch(() => {/* the server is gone */});
    }
  }
}

function failed(
  id: JSONRPCErrorResponse["id"],
  code: number,
  message: string,
): JSONRPCErrorResponse {
  return { jsonrpc: "2.0", id, error: { code, message } };
}
