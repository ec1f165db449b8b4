/** A server's standard input and output, which attacker and neighbour share. */

import { checkMessage, Fault, type Message } from "./verdict.ts";
import { CLEAN_ENV } from "../support/environment.ts";

const NEWLINE = 0x0a;

/** A server process and its pipes. */
export class Pipe implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #stdout: Promise<void>;
  readonly #stderr: Promise<string>;
  readonly #failed = Promise.withResolvers<never>();
  #queue: Promise<void> = Promise.resolve();
  #stopping = false;
  /** Called with each line on stdout, parsed and as text. */
  onmessage: (message: Message, text: string) => void = () => {};

  constructor(server: URL, args: readonly string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", server.href, ...args],
      env: { ...CLEAN_ENV, NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#failed.promise.catch(() => {});
    this.#stdout = this.#read().catch(this.#failed.reject);
    this.#stderr = new Response(this.#process.stderr).text();
    this.#process.status.then(({ code }) => {
      if (!this.#stopping) this.#failed.reject(new Fault(`The server ended with status ${code}`));
    });
  }

  /** Rejects when the server has ended, or written what is not a message. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Writes pieces as a unit. */
  write(pieces: readonly Uint8Array[]): Promise<void> {
    const turn = this.#queue.then(async () => {
      for (const piece of pieces) await this.#writer.write(piece);
    });
    // `failed` reports a server that has ended.
    this.#queue = turn.catch(() => {});
    return this.#queue;
  }

  /** Ends the server's input, and returns its exit status and log. */
  async end(): Promise<{ status: number; log: string[] }> {
    this.#stopping = true;
    await this.#queue;
    await this.#writer.close().catch(() => {});
    const { code } = await this.#process.status;
    await this.#stdout;
    return { status: code, log: (await this.#stderr).split("\n") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // The process has ended already.
    }
    await this.end();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    let rest = new Uint8Array();
    for await (const part of this.#process.stdout) {
      const all = new Uint8Array(rest.length + part.length);
      all.set(rest);
      all.set(part, rest.length);
      let start = 0;
      for (let end; (end = all.indexOf(NEWLINE, start)) !== -1; start = end + 1) {
        const text = decoder.decode(all.subarray(start, end));
        this.onmessage(checkMessage(text), text);
      }
      rest = all.slice(start);
    }
    if (rest.length > 0 && !this.#stopping) throw new Fault("The last line has no end");
  }
}
