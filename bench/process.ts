/**
 * Processes of a bench, servers and load, with their cost as the system counts it.
 *
 * @module
 */

import { lines } from "./lines.ts";

// Unit of the times in /proc on every Linux that Deno runs on.
const TICKS_PER_SECOND = 100;

/** A process that runs a module of this project. */
export class BenchProcess {
  readonly #process: Deno.ChildProcess;

  /** Standard input of the process. */
  readonly stdin: WritableStreamDefaultWriter<Uint8Array>;
  /** Lines of its standard output. */
  readonly stdout: AsyncGenerator<string>;
  /** Its standard error. */
  readonly stderr: AsyncGenerator<string>;

  /** Starts `deno run -A` with a module, relative to this folder, and its arguments. */
  constructor(module: string, ...args: readonly string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", new URL(module, import.meta.url).href, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.stdin = this.#process.stdin.getWriter();
    this.stdout = lines(this.#process.stdout);
    this.stderr = lines(this.#process.stderr);
  }

  /** Writes one message as a line. */
  async write(message: object): Promise<void> {
    await this.stdin.write(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
  }

  /** Processor time so far, in seconds. */
  cpuSeconds(): number {
    const stat = Deno.readTextFileSync(`/proc/${this.#process.pid}/stat`);
    // Its name, in parentheses, may have spaces. What follows begins with the third field.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  /** Current memory, in bytes. */
  rssBytes(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#process.pid}/status`);
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  /** Ends it, and waits until it is gone. */
  async stop(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // Already ended.
    }
    await this.#process.status;
    await this.stdin.abort().catch(() => {});
    await Promise.all([drain(this.stdout), drain(this.stderr)]);
  }
}

async function drain(stream: AsyncGenerator<string>): Promise<void> {
  for await (const _ of stream);
}
