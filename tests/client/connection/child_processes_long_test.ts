/**
 * Programs that start servers leave no process behind, however they end.
 */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { BRIDGE, Folder } from "../../support/bridge/host.ts";
import { RawProcess } from "../../support/servers/raw_process.ts";
import { INITIALIZE } from "../../support/servers/server.ts";

const SESSIONS = new URL("../../../client/sessions.ts", import.meta.url).href;
const STUBBORN = fileURLToPath(new URL("../../fixtures/stubborn.ts", import.meta.url));
const NOTEBOOK = fileURLToPath(new URL("../../../servers/notebook.ts", import.meta.url));
/** Stop signals and their exit statuses. */
const SIGNALS = [["SIGHUP", 129], ["SIGINT", 130], ["SIGTERM", 143]] as const;
const ignore = Deno.build.os === "windows";

async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!await isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
}

function isRunning(pid: number): boolean {
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
class Pair implements AsyncDisposable {
  readonly program: RawProcess;
  readonly #folder: Folder;

  private constructor(folder: Folder, program: RawProcess) {
    this.#folder = folder;
    this.program = program;
  }

  static async start(program: readonly string[], answer: string): Promise<Pair> {
    const folder = await Folder.create();
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

for (const [signal, status] of SIGNALS) {
  const name = `sessions: ${signal} ends a server that ignores the signal and never answers`;
  Deno.test({ name, ignore }, async () => {
    await using pair = await Pair.start([SESSIONS, "list"], "nothing");
    await pair.pid();
    pair.program.process.kill(signal);
    assertEquals(await pair.ended(), status);
    assertEquals(await pair.program.stderr, "");
  });

  Deno.test(
    { name: `bridge: ${signal} ends a server that ignores the signal`, ignore },
    async () => {
      await using pair = await Pair.start([BRIDGE], "result");
      await pair.initialize();
      await pair.program.next();
      pair.program.process.kill(signal);
      assertEquals(await pair.ended(), 0);
    },
  );
}

for (const answer of ["error", "result"]) {
  Deno.test(`sessions: a command that fails ends its server (${answer})`, async () => {
    await using pair = await Pair.start([SESSIONS, "list"], answer);
    assertEquals(await pair.ended(), 1);
  });
}

Deno.test("bridge: the end of the input ends a server that ignores it", async () => {
  await using pair = await Pair.start([BRIDGE], "result");
  await pair.initialize();
  await pair.program.next();
  await pair.pid();
  assertEquals(await pair.program.endInput(), 0);
  await pair.ended();
});

Deno.test("bridge: a host that stops reading ends the server", async () => {
  await using pair = await Pair.start([BRIDGE], "result");
  await pair.program.stopReading();
  await pair.initialize();
  await pair.ended();
});

Deno.test({
  name:
    "bridge: a signal after the end of the input ends a server before the host kills the bridge",
  ignore,
  async fn() {
    await using pair = await Pair.start([BRIDGE], "result");
    await pair.initialize();
    await pair.program.next();
    // The bridge would wait for the answer.
    await pair.program.send({ id: 2, method: "tools/call", params: { name: "x" } });
    const pid = await pair.pid();
    const ended = pair.program.endInput();
    // The SDK's transport asks with SIGTERM after two seconds and kills after two more.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    pair.program.process.kill("SIGTERM");
    await until(() => !isRunning(pid));
    await ended;
  },
});

Deno.test({
  name: "bridge: a second signal ends everything at once",
  ignore,
  async fn() {
    await using pair = await Pair.start([BRIDGE], "nothing");
    await pair.initialize();
    await pair.pid();
    pair.program.process.kill("SIGTERM");
    // Two signals of a kind that come together are one.
    pair.program.process.kill("SIGINT");
    assert([130, 143].includes(await pair.ended()));
  },
});

Deno.test({
  name: "bridge: a killed bridge leaves no server of this project behind",
  ignore,
  async fn() {
    await using folder = await Folder.create();
    const file = `${folder.path}/pid`;
    const line = [Deno.execPath(), "run", "-A", NOTEBOOK, "--store", "memory:"];
    const server = ["--", "sh", "-c", 'echo $$ > "$0"; exec "$@"', file, ...line];
    await using bridge = new RawProcess([BRIDGE, ...server], { XDG_STATE_HOME: folder.path });
    await bridge.send({ id: 1, method: "initialize", params: INITIALIZE });
    await bridge.next();
    const pid = Number(await Deno.readTextFile(file));
    bridge.process.kill("SIGKILL");
    await until(() => !isRunning(pid));
  },
});
