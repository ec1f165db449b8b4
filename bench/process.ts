/**
 * Processes of a bench, servers and load, with their cost as the system counts it.
 *
 * @module
 */

// Unit of the times in /proc on every Linux that Deno runs on.
const TICKS_PER_SECOND = 100;

/** A process that runs a module of this project. */
export class BenchProcess {
  readonly #process: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly stdout: AsyncGenerator<string>;
  readonly stderr: AsyncGenerator<string>;

  /** `module` is a URL, or relative to this folder; `flags` are Deno's own. */
  constructor(
    module: string,
    args: readonly string[] = [],
    flags: readonly string[] = [],
    env: Record<string, string> = {},
  ) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", ...flags, new URL(module, import.meta.url).href, ...args],
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#stdin = this.#process.stdin.getWriter();
    this.stdout = lines(this.#process.stdout);
    this.stderr = lines(this.#process.stderr);
  }

  async write(message: object): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(`${JSON.stringify(message)}\n`));
  }

  /** Processor time so far, in seconds. */
  cpuSeconds(): number {
    const stat = Deno.readTextFileSync(`/proc/${this.#process.pid}/stat`);
    // Its name, in parentheses, may have spaces. What follows begins with the third field.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  rssBytes(): number {
    const status = Deno.readTextFileSync(`/proc/${this.#process.pid}/status`);
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  async stop(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // Already ended.
    }
    await this.#process.status;
    await this.#stdin.abort().catch(() => {});
    await Promise.all([Array.fromAsync(this.stdout), Array.fromAsync(this.stderr)]);
  }
}

/** The lines of a byte stream, without their ends. */
export async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
