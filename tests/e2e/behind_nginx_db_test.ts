/** README's servers behind nginx, as they stand there but for ports: on a Redis, and on a PostgreSQL. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { blockWith, ROOT } from "../house/pages.ts";
import { environment } from "../house/starting.ts";
import { startPostgres } from "../support/databases/postgres.ts";
import { freePort } from "../support/databases/free_port.ts";
import { lines } from "../support/lines.ts";
import { Nginx } from "../support/servers/nginx.ts";
import { callRequest, messagesOf, post, presenting, request } from "../support/servers/wire.ts";
import { type TempFolder, tempFolder } from "../support/temp_folder.ts";
import { until } from "../support/until.ts";

const COMMANDS = blockWith("README.md", "redis-server --appendonly").trim().split("\n");
const CONFIG = blockWith("README.md", "upstream notebook");
const POSTGRES_URL = /`--store (postgres:\S+)`/.exec(
  await Deno.readTextFile(`${ROOT}/README.md`),
)?.[1];

const CLIENTS = 8;
const NOTES_A_ROUND = 25;

/** A command of README that runs until disposal. */
class Running implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #said: AsyncGenerator<string>;
  #rest: Promise<void> | undefined;

  constructor(command: string, cwd: string, folder: TempFolder) {
    // By `exec`, a signal reaches the program, not the shell.
    this.#process = new Deno.Command("sh", {
      args: ["-c", `exec ${command} 2>&1`],
      cwd,
      env: environment(folder.path),
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

  async kill(): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#process.status;
    await (this.#rest ?? this.#said.return(undefined));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** A client that knows the proxy alone. */
class Writer {
  readonly #url: string;
  readonly #name: string;
  #id = "";
  #texts = 0;
  /** The numbers of the notes that were acknowledged, by text. */
  readonly acknowledged = new Map<string, unknown>();

  constructor(url: string, name: string) {
    this.#url = url;
    this.#name = name;
  }

  async open(): Promise<void> {
    const [reply] = await messagesOf(await post(this.#url, request("session/create")));
    assert(reply?.result, JSON.stringify(reply));
    this.#id = String(Object(reply.result).id);
  }

  /** Writes until so many notes are acknowledged. One without an answer is not sent again. */
  async write(count: number, onwritten = () => {}): Promise<void> {
    const enough = this.acknowledged.size + count;
    while (this.acknowledged.size < enough) {
      const text = `${this.#name}, note ${this.#texts++}`;
      const answer = await this.#call("notebook_append", { text });
      if (answer === undefined) continue;
      this.acknowledged.set(text, answer["note_number"]);
      onwritten();
    }
  }

  /** Whether anybody has answered. */
  async isServed(): Promise<boolean> {
    return await this.#call("notebook_status", {}) !== undefined;
  }

  async notes(): Promise<string[]> {
    const answer = await this.#call("notebook_read", {});
    assert(answer !== undefined);
    return (answer["notes"] as { text: string }[]).map(({ text }) => text);
  }

  /** `undefined` where the proxy says that nobody has answered; any other error fails the test. */
  async #call(name: string, args: object): Promise<Record<string, unknown> | undefined> {
    const { _meta } = presenting({ id: this.#id });
    const response = await post(this.#url, callRequest(name, args, 1, _meta));
    if (response.status === 502) {
      await response.body?.cancel();
      return undefined;
    }
    const [reply] = await messagesOf(response);
    assertEquals([response.status, reply?.error], [200, undefined]);
    return Object(Object(reply?.result).structuredContent);
  }
}

/** README's servers and proxy with this store, while each server is killed in turn. */
async function goesOn(storeUrl: string): Promise<void> {
  await using folder = await tempFolder();
  const [proxyPort, ...ports] = [freePort(), freePort(), freePort()];
  const withPorts = (text: string) =>
    text.replaceAll(":9000", `:${proxyPort}`)
      .replaceAll(/\b9001\b/g, `${ports[0]}`).replaceAll(/\b9002\b/g, `${ports[1]}`);
  const serve = (index: number) => {
    const command = withPorts(COMMANDS[index + 1]!)
      .replace("redis://127.0.0.1", storeUrl);
    return new Running(command, ROOT, folder).says(/^notebook listening on /);
  };
  await using opened = new AsyncDisposableStack();
  const servers = [opened.use(await serve(0)), opened.use(await serve(1))];
  const nginx = opened.use(await Nginx.start(withPorts(CONFIG), proxyPort!));
  const writers = Array.from(
    { length: CLIENTS },
    (_, i) => new Writer(`http://127.0.0.1:${proxyPort}/mcp`, `client ${i}`),
  );
  await Promise.all(writers.map((writer) => writer.open()));
  const round = (onwritten?: () => void) =>
    Promise.all(writers.map((writer) => writer.write(NOTES_A_ROUND, onwritten)));

  await round();
  const before = await nginx.answered();
  assertEquals(before.size, 2, "both servers answer");
  for (const [index, port] of ports.entries()) {
    let written = 0;
    let killed: Promise<void> | undefined;
    await round(() => {
      if (++written === CLIENTS * 2) killed = servers[index]!.kill();
    });
    await killed;

    servers[index] = opened.use(await serve(index));
    const answers = async () => (await nginx.answered()).get(`127.0.0.1:${port}`) ?? 0;
    const soFar = await answers();
    // nginx leaves a server alone for ten seconds that did not answer.
    await until(
      async () => await writers[0]!.isServed() && await answers() > soFar,
      (isBack) => isBack,
    );
  }
  await round();

  for (const writer of writers) {
    const notes = await writer.notes();
    assertEquals(new Set(notes).size, notes.length, "a note was made twice");
    for (const [text, number] of writer.acknowledged) {
      assertEquals(notes[Number(number) - 1], text, "an acknowledged note is not in its place");
    }
  }
}

Deno.test("README: two servers behind nginx on one Redis lose nothing while each is killed", async () => {
  assertEquals(COMMANDS.length, 3);
  await using folder = await tempFolder();
  const port = freePort();
  const command = `${COMMANDS[0]} --port ${port} --bind 127.0.0.1`;
  await using _ = await new Running(command, folder.path, folder)
    .says(/Ready to accept connections/)
    .catch((cause) => {
      throw new Error(
        "Cannot start redis-server: is it installed? (Debian: apt-get install redis-server)",
        { cause },
      );
    });
  await goesOn(`redis://127.0.0.1:${port}`);
});

Deno.test("README: two servers behind nginx on one PostgreSQL lose nothing while each is killed", async () => {
  assertMatch(POSTGRES_URL ?? "", /^postgres:\/\/USER:PASSWORD@HOST\/NAME$/);
  await using postgres = await startPostgres();
  await postgres.query("CREATE ROLE ann LOGIN PASSWORD 'a secret'");
  await postgres.query("CREATE DATABASE notebooks OWNER ann");
  const parts = {
    USER: "ann",
    PASSWORD: "a%20secret",
    HOST: `127.0.0.1:${postgres.port}`,
    NAME: "notebooks",
  };
  await goesOn(POSTGRES_URL!.replaceAll(/[A-Z]+/g, (part) => Object(parts)[part]));
});
