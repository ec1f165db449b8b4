import { lines } from "../lines.ts";

/** A fixture that runs in a process of its own. */
export class Fixture implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  /** Its stdout, line by line. */
  readonly lines: AsyncGenerator<string>;
  #sent: Promise<void> = Promise.resolve();

  constructor(name: string, ...args: string[]) {
    const script = new URL(`../../fixtures/store/${name}.ts`, import.meta.url).href;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.lines = lines(this.#process.stdout);
  }

  /** Writes a line to its input, after those before. */
  send(line: string): Promise<void> {
    return this.#sent = this.#sent.then(async () => {
      const writer = this.#process.stdin.getWriter();
      try {
        await writer.write(new TextEncoder().encode(`${line}\n`));
      } finally {
        writer.releaseLock();
      }
    });
  }

  /** Ends its input, which some wait for. */
  begin(): Promise<void> {
    // What a killed one was sent is lost, and its input still to be closed.
    return this.#sent = this.#sent.catch(() => {}).then(() => this.#process.stdin.close());
  }

  /** Its exit status, when it has ended by itself. */
  async ended(): Promise<number> {
    return (await this.#process.status).code;
  }

  /** Kills it, if it has not ended already. */
  kill() {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // The process has ended.
    }
  }

  /** Stops or continues it. */
  signal(name: "SIGSTOP" | "SIGCONT") {
    this.#process.kill(name);
  }

  async [Symbol.asyncDispose]() {
    this.kill();
    await this.begin().catch(() => {});
    for await (const _ of this.lines);
    await this.#process.status;
  }
}
