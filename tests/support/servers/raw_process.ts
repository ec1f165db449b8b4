/** A process whose pipes belong to the test, which may leave its output unread. */

import { assert, assertEquals } from "@std/assert";
import { lines } from "../lines.ts";
import { INITIALIZE, type WireMessage } from "./wire.ts";
import { CLEAN_ENV } from "../environment.ts";

const MIB = 1024 * 1024;
/** Far less than all responses together, and more than those that may wait for a client. */
const MOST_MEMORY = 1024 * MIB;

/** A program that speaks JSON-RPC over its standard input and output. */
export class RawProcess implements AsyncDisposable {
  readonly process: Deno.ChildProcess;
  /** The whole stderr, once the process has ended. */
  readonly stderr: Promise<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncGenerator<string>;

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", ...args],
      env: { ...CLEAN_ENV, NO_COLOR: "1", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#writer = this.process.stdin.getWriter();
    this.stderr = new Response(this.process.stderr).text();
    this.#lines = lines(this.process.stdout);
  }

  /** Sends messages; resolves when the pipe has taken them. */
  send(...messages: object[]): Promise<void> {
    const text = messages.map((message) => `${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    return this.#writer.write(new TextEncoder().encode(text.join("")));
  }

  /** Sends `initialize`, and `notifications/initialized`. */
  async initialize(): Promise<void> {
    await this.send({ id: "initialize", method: "initialize", params: INITIALIZE }, {
      method: "notifications/initialized",
    });
    assertEquals((await this.next()).id, "initialize");
  }

  /** Reads the next message. */
  async next(): Promise<WireMessage> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error(`The process has ended: ${await this.stderr}`);
    return JSON.parse(value);
  }

  /** Closes the test's end of the process's stdout, before anything is read. */
  async stopReading(): Promise<void> {
    await this.process.stdout.cancel();
  }

  /** Ends the process's input, and returns its exit status. */
  async endInput(): Promise<number> {
    await this.#writer.close();
    return (await this.process.status).code;
  }

  /** The peak memory of the process, in bytes; 0 but on Linux. */
  async peak(): Promise<number> {
    if (Deno.build.os !== "linux") return 0;
    const status = await Deno.readTextFile(`/proc/${this.process.pid}/status`);
    return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGKILL");
    } catch {
      // The process has ended already.
    }
    await this.process.status;
    await this.#writer.close().catch(() => {});
    await this.#lines.return(undefined).catch(() => {});
    await this.process.stdout.cancel().catch(() => {});
    await this.stderr;
  }
}

/** Waits until a count has stopped growing; there is no event for that. */
export async function settled(count: () => number | Promise<number>): Promise<void> {
  for (let before = -1, now = 0; now > before;) {
    before = now;
    await new Promise((resolve) => setTimeout(resolve, 2000));
    now = await count();
  }
}

/** Counts the sends that are taken until one blocks; the promise is that of all of them. */
export async function takenOf(
  sends: Iterable<() => Promise<void>>,
): Promise<[number, Promise<void>]> {
  let taken = 0;
  const all = (async () => {
    for (const send of sends) {
      await send();
      taken++;
    }
  })();
  await settled(() => taken);
  return [taken, all];
}

/** Asserts that the process has buffered little of what went through it. */
export async function assertPeak(process: RawProcess): Promise<void> {
  if (Deno.build.os !== "linux") return console.warn("not measured: only Linux reports the peak");
  const peak = await process.peak();
  assert(peak < MOST_MEMORY, `the peak was ${Math.round(peak / MIB)} MiB`);
}
