/** Commands of the pages, run as they stand there. */

import { environment } from "../../house/starting.ts";
import { lines } from "../lines.ts";
import { until } from "../until.ts";

/** A command that runs until disposal. */
export class Running implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #said: AsyncGenerator<string>;
  #rest: Promise<void> | undefined;

  /** Starts it in the folder `cwd`, with its state below the folder `state`. */
  constructor(command: string, cwd: string, state: string, env: Record<string, string> = {}) {
    // By `exec`, a signal reaches the program, not the shell.
    this.#process = new Deno.Command("sh", {
      args: ["-c", `exec ${command} 2>&1`],
      cwd,
      env: { ...environment(state), ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#said = lines(this.#process.stdout);
  }

  /** Waits until it says this, and reads on what it says. */
  async says(wanted: RegExp): Promise<this> {
    const seen: string[] = [];
    for (;;) {
      const { done, value } = await this.#said.next();
      if (done) throw new Error(`It ended as it started: ${seen.join("\n")}`);
      seen.push(value);
      if (!wanted.test(value)) continue;
      this.#rest = (async () => {
        for await (const _ of this.#said);
      })();
      return this;
    }
  }

  /** Ends it, and tells its exit status. */
  async stop(signal: Deno.Signal = "SIGKILL"): Promise<number> {
    try {
      this.#process.kill(signal);
    } catch {
      // It has ended already.
    }
    const { code } = await this.#process.status;
    await (this.#rest ?? this.#said.return(undefined));
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Waits until a process listens on a port of this machine; `false` if it ends before. */
export async function listens(process: Deno.ChildProcess, port: number): Promise<boolean> {
  const ended = process.status.then(() => "ended" as const);
  const outcome = await until(
    () => Promise.race([ended, connects(port)]),
    (outcome) => outcome !== "refused",
  );
  return outcome === "connected";
}

async function connects(port: number): Promise<"connected" | "refused"> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return "connected";
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
    return "refused";
  }
}
