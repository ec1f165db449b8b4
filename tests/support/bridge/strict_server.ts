/** The strict modern-only server of the fixtures behind a bridge. */

import { fileURLToPath } from "node:url";
import { CLEAN_ENV } from "../environment.ts";
import { lines } from "../lines.ts";

const SCRIPT = fileURLToPath(new URL("../../fixtures/modern_server.ts", import.meta.url));

export class StrictServer implements AsyncDisposable {
  /** The bridge's arguments for it. */
  readonly args: readonly string[];
  readonly #process: Deno.ChildProcess | undefined;
  readonly #read: Promise<unknown> | undefined;

  private constructor(
    args: readonly string[],
    process?: Deno.ChildProcess,
    read?: Promise<unknown>,
  ) {
    this.args = args;
    this.#process = process;
    this.#read = read;
  }

  static async start(way: "stdio" | "http", port = 0): Promise<StrictServer> {
    const command = [Deno.execPath(), "run", "-A", SCRIPT];
    if (way === "stdio") return new StrictServer(["--", ...command]);
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", SCRIPT, "--http", `--port=${port}`],
      env: { ...CLEAN_ENV, NO_COLOR: "1" },
      stderr: "piped",
      stdout: "null",
      stdin: "null",
    }).spawn();
    const stderr = lines(process.stderr);
    for (;;) {
      const { done, value } = await stderr.next();
      if (done) throw new Error("The server did not start");
      const url = /listening on (http:\S+)/.exec(value)?.[1];
      if (url !== undefined) {
        const read = (async () => {
          for await (const line of stderr) console.error(line);
        })();
        return new StrictServer(["--url", url], process, read);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#process?.status;
    await this.#read;
  }
}
