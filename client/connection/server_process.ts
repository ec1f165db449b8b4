/**
 * The transport to a server that this process starts and talks to over stdin and stdout.
 *
 * The SDK's own ends the server at an answer past 10 MiB, leaves the caller of one that it cannot
 * read without an answer, keeps without bound what is not read, and may leave the process behind.
 *
 * @module
 */

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

/** The largest message that is taken from a server, in bytes: more than a host would take. */
const MAX_ANSWER_BYTES = 10 * 1024 * 1024;

/** How a server is started. */
export interface ServerCommand {
  readonly command: string;
  readonly args: readonly string[];
  /**
   * Resolves when the next message can be taken from the server.
   *
   * @default at once
   */
  readonly room?: () => Promise<void>;
}

/** A server's process, with this one's environment and stderr. */
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

  /** Takes what it will start. */
  constructor(command: ServerCommand) {
    this.#command = command;
  }

  /** Starts the process. */
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

  /**
   * Sends a message; resolves when the process, or the pipe to it, has taken it.
   *
   * @throws {NeverSentError} If the process takes nothing any more.
   */
  async send(message: JSONRPCMessage): Promise<void> {
    const line = this.#encoder.encode(`${JSON.stringify(message)}\n`);
    try {
      if (this.#writer === undefined) throw new Error("it has not been started");
      await this.#writer.write(line);
    } catch (cause) {
      // A line whose end was not taken is none.
      void this.close();
      throw new NeverSentError("The server's process takes no more", { cause });
    }
  }

  /** Ends the process, and waits until it has ended. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    // What a process that does not read has not taken yet must not delay this.
    this.#writer?.close().catch(() => {});
    if (this.#process !== undefined) await endProcess(this.#process);
    await this.#reader?.cancel().catch(() => {});
    this.onclose?.();
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    try {
      for await (const lines of linesOf(reader, MAX_ANSWER_BYTES)) {
        for (const line of lines) {
          this.#receive(line);
          if (this.#closing === undefined) await this.#command.room?.();
        }
      }
    } catch (error) {
      this.onerror?.(asError(error));
    }
    void this.close();
  }

  #receive(line: Uint8Array | LongLine): void {
    if (line instanceof LongLine) {
      return this.#refuse(line.envelope, `has more than ${MAX_ANSWER_BYTES} bytes: ask for less`);
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

  /** Answers in the place of whoever would wait for ever. */
  #refuse(envelope: Envelope | undefined, why: string): void {
    const { id, kind } = envelope ?? {};
    if (id === undefined || kind === "neither") {
      this.#strays.add(`The server wrote a line to stdout that tells no id and ${why}`);
    } else if (kind === "answer") {
      const message = `The server has carried out the request, but its answer ${why}`;
      this.onmessage?.(failed(id, CODE.internalError, message));
    } else {
      const answer = failed(id, CODE.invalidRequest, `Invalid request: it ${why}`);
      this.send(answer).catch(() => {/* then nobody waits for it */});
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
