/** A program and the server that it starts, which ends by SIGKILL alone. */

import { fileURLToPath } from "node:url";
import { type TempFolder, tempFolder } from "../temp_folder.ts";
import { RawProcess } from "../servers/raw_process.ts";
import { INITIALIZE } from "../servers/server.ts";

export const STUBBORN = fileURLToPath(new URL("../../fixtures/stubborn.ts", import.meta.url));

export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!await isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
}

export function isRunning(pid: number): boolean {
  try {
    if (Deno.build.os === "linux") {
      // A zombie has ended.
      return !/^\d+ \(.*\) Z/.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
    }
    Deno.kill(pid, "SIGCONT");
    return true;
  } catch {
    return false;
  }
}

/** A program, and the server that it started and that ignores every end. */
export class Pair implements AsyncDisposable {
  readonly program: RawProcess;
  readonly #folder: TempFolder;

  private constructor(folder: TempFolder, program: RawProcess) {
    this.#folder = folder;
    this.program = program;
  }

  static async start(program: readonly string[], answer: string): Promise<Pair> {
    const folder = await tempFolder();
    const server = ["--", Deno.execPath(), "run", "-A", STUBBORN, `${folder.path}/pid`, answer];
    const env = { XDG_STATE_HOME: folder.path };
    return new Pair(folder, new RawProcess([...program, ...server], env));
  }

  /** The server's process id, once it ignores signals. */
  async pid(): Promise<number> {
    const file = `${this.#folder.path}/pid`;
    await until(() => Deno.stat(file).then(() => true, () => false));
    return Number(await Deno.readTextFile(file));
  }

  async initialize(): Promise<void> {
    await this.program.send({ id: 1, method: "initialize", params: INITIALIZE });
  }

  /** Waits until program and server have ended; the program's exit status. */
  async ended(): Promise<number> {
    const pid = await this.pid();
    const { code } = await this.program.process.status;
    await until(() => !isRunning(pid));
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]();
    const pid = Number(await Deno.readTextFile(`${this.#folder.path}/pid`).catch(() => NaN));
    if (pid > 0 && isRunning(pid)) Deno.kill(pid, "SIGKILL");
    await this.#folder[Symbol.asyncDispose]();
  }
}
