/** A process that serves KV Connect, and can be killed and restarted in its place. */
import { lines } from "../lines.ts";

/** The `DENO_KV_ACCESS_TOKEN` of tests. */
export const TOKEN = "a-token-for-tests";

const OURS = new URL("./main.ts", import.meta.url).href;

/** Program and first arguments: the small endpoint, or `denokv` itself. */
function command(): [string, ...string[]] {
  const denokv = Deno.env.get("TEST_DENOKV");
  return denokv ? [denokv] : [Deno.execPath(), "run", "-A", "--no-check", OURS];
}

/** A process that serves a file until disposal. */
export class KvProcess implements AsyncDisposable {
  readonly url: string;
  readonly #process: Deno.ChildProcess;
  readonly #stderr: AsyncGenerator<string>;

  private constructor(process: Deno.ChildProcess, stderr: AsyncGenerator<string>, url: string) {
    this.#process = process;
    this.#stderr = stderr;
    this.url = url;
  }

  /** Starts a process, and waits until it listens. */
  static async start(file: string, { port = 0 } = {}): Promise<KvProcess> {
    const [program, ...args] = command();
    const serve = ["serve", "--addr", `127.0.0.1:${port}`, "--access-token", TOKEN];
    const process = new Deno.Command(program, {
      args: [...args, "--sqlite-path", file, ...serve],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const stderr = lines(process.stderr);
    const seen: string[] = [];
    for (;;) {
      const { done, value } = await stderr.next();
      if (done) throw new Error(`The KV did not start: ${seen.join("\n")}`);
      seen.push(value);
      const url = /Listening on (http:\S+)/.exec(value)?.[1];
      if (url !== undefined) return new KvProcess(process, stderr, url);
    }
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** Kills the process. */
  async kill() {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    for await (const _ of this.#stderr);
    await this.#process.status;
  }

  async [Symbol.asyncDispose]() {
    await this.kill();
  }
}
