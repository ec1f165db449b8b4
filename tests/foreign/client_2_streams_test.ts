/**
 * Calls that end before their answer, and subscriptions, of the SDK's second-generation client: what
 * becomes of them when either side goes.
 */

import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { CLEAN_ENV } from "../support/environment.ts";
import { lines } from "../support/lines.ts";
import { installNpmPackages, type NpmPackages } from "../support/npm_packages.ts";
import { senderOf } from "../support/servers/callers.ts";
import type { Reach } from "../support/servers/separate_runs.ts";
import { type HttpServer, startServer } from "../support/servers/server.ts";
import { tempFolder } from "../support/temp_folder.ts";
import { until } from "../support/until.ts";

const SCRIPT = fileURLToPath(new URL("./client_2_streams.ts", import.meta.url));
const CHANGING = new URL("../fixtures/changing.ts", import.meta.url);
const INTERRUPTIBLE = new URL("../fixtures/interruptible.ts", import.meta.url);

const PINNED = { pin: "2026-07-28" };

let packages: NpmPackages;

Deno.test.beforeAll(async () => {
  packages = await installNpmPackages({ "client-2": "npm:@modelcontextprotocol/client@2.4.0" });
});

/** A client that runs until it is told to end, or killed. */
class RunningClient implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: AsyncGenerator<string>;

  constructor(mode: unknown, reach: Reach, what: "call" | "listen") {
    this.#process = new Deno.Command(packages.node, {
      args: [
        SCRIPT,
        packages.folder("client-2"),
        JSON.stringify(mode),
        JSON.stringify(reach),
        what,
      ],
      env: CLEAN_ENV,
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#lines = lines(this.#process.stdout);
  }

  /** Reads the next line on stdout. */
  async next(): Promise<string | undefined> {
    return (await this.#lines.next()).value ?? undefined;
  }

  /** Tells the client to end. */
  async tell(): Promise<void> {
    const writer = this.#process.stdin.getWriter();
    await writer.write(new TextEncoder().encode("\n"));
    await writer.close();
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#process.status;
    await this.#process.stdin.close().catch(() => {});
    await this.#lines.return(undefined);
    // Where no line was read, the stream is open still.
    await this.#process.stdout.cancel().catch(() => {});
  }
}

const reachOf = ({ url }: HttpServer): Reach => ({ kind: "url", url, headers: {} });

/** Waits until a server has said so many lines of a kind on stderr. */
const logged = (server: HttpServer, line: string, times = 1) =>
  until(() => server.stderr.filter((said) => said === line).length, (seen) => seen === times);

for (const flags of [[], ["--stateful"]]) {
  const how = ["HTTP", ...flags].join(" ");
  const start = (server: URL) =>
    startServer({ server, transport: "http", flags, permissions: ["-A"] });

  Deno.test(`Client 2: a modern call is cancelled when its client aborts it (${how})`, async () => {
    await using server = await start(INTERRUPTIBLE);
    await using client = new RunningClient(PINNED, reachOf(server), "call");
    await logged(server, "waiting");
    await client.tell();
    assertEquals(await client.next(), "aborted");
    await logged(server, "cancelled");
  });

  Deno.test(`Client 2: a modern call is cancelled when its client is killed, and a legacy one goes on (${how})`, async () => {
    await using server = await start(INTERRUPTIBLE);
    await using legacy = new RunningClient("legacy", reachOf(server), "call");
    await logged(server, "waiting");
    await legacy.kill();
    await using modern = new RunningClient(PINNED, reachOf(server), "call");
    await logged(server, "waiting", 2);
    await modern.kill();
    await logged(server, "cancelled");
    const send = await senderOf(server);
    await send("tools/call", { name: "release" });
    await logged(server, "released");
  });

  Deno.test(`Client 2: listens for changes until the server stops (${how})`, async () => {
    await using server = await start(CHANGING);
    await using client = new RunningClient(PINNED, reachOf(server), "listen");
    assertEquals(await client.next(), "changed");
    assertEquals(await server.stop(), 0);
    assertEquals(await client.next(), "graceful");
  });
}

Deno.test("Client 2: a server on stdio ends by itself when a client that listens goes", async () => {
  await using folder = await tempFolder();
  const status = `${folder.path}/status`;
  const server = [Deno.execPath(), "run", "-A", fileURLToPath(CHANGING), "--store", "memory:"];
  // The shell notes how the server has ended.
  const command = ["sh", "-c", '"$@"; echo $? > "$0"', status, ...server];
  await using client = new RunningClient(PINNED, { kind: "command", command }, "listen");
  assertEquals(await client.next(), "changed");
  await client.tell();
  assertEquals(await client.next(), "graceful");
  const noted = () => Deno.readTextFile(status).catch(() => "");
  assertEquals(await until(noted, (text) => text !== ""), "0\n");
});
