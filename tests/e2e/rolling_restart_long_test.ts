/** Two processes on one store, restarted in turn under load, as in a rolling update. */

import { assert, assertEquals } from "@std/assert";
import { sendOnce } from "../../client/mod.ts";
import {
  type HttpServer,
  presenting,
  startServer,
  type WireResult,
} from "../support/servers/server.ts";
import { tempFolder } from "../support/temp_folder.ts";

const CLIENTS = 8;
const ROUNDS = 3;
/** Tries of a request: more than restarts in turn can make a client need. */
const TRIES = 200;

type Send = (url: string, init: RequestInit) => Promise<Response>;

const HEADERS = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
};

/** A client that turns to the other process when one does not answer. */
class Retrying {
  readonly #urls: readonly string[];
  readonly #send: Send;
  #at: number;
  #id = "";
  #next = 0;
  #told = Promise.withResolvers<void>();
  /** Texts known to be stored, by key. */
  readonly stored = new Map<string, string>();
  /** Requests that were sent again. */
  retries = 0;

  constructor(urls: readonly string[], at: number, send: Send) {
    this.#urls = urls;
    this.#at = at;
    this.#send = send;
  }

  async open(): Promise<void> {
    const { id } = Object(await this.#ask("session/create", {}));
    this.#id = String(id);
  }

  /** Stores one key after the other. The call is idempotent, so it may be sent twice. */
  async store(until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      const [key, text] = [`key ${this.#next % 50}`, `text ${this.#next++}`];
      await this.tool("hashcheck_store", { key, text });
      this.stored.set(key, text);
      this.#told.resolve();
      this.#told = Promise.withResolvers();
    }
  }

  /** Resolves when the next text is stored. */
  storedNext(): Promise<void> {
    return this.#told.promise;
  }

  /** Calls a tool for its structured content. */
  async tool(name: string, args: object): Promise<Record<string, unknown>> {
    const result = await this.#ask("tools/call", {
      name,
      arguments: args,
      ...presenting({ id: this.#id }),
    });
    return Object(Object(result).structuredContent);
  }

  async #ask(method: string, params: object): Promise<unknown> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    for (let tries = 1;; tries++) {
      const url = this.#urls[this.#at % this.#urls.length] ?? "";
      const response = await this.#send(url, { method: "POST", headers: HEADERS, body })
        .then(async (response) => ({ status: response.status, text: await response.text() }))
        .catch((error) => {
          if (error instanceof TypeError) return undefined;
          throw error;
        });
      if (response?.status === 200) {
        const { result, error } = JSON.parse(response.text);
        assert(result, `${method} is answered with ${JSON.stringify(error)}`);
        assert(result.isError !== true, `${method} is answered with ${response.text}`);
        return result;
      }
      assert(response === undefined || response.status === 503, response?.text);
      assert(tries < TRIES, `Neither process has answered ${TRIES} times`);
      this.retries++;
      this.#at++;
    }
  }
}

Deno.test({
  name: "two HTTP processes on one file: restarts in turn lose no request and no session",
  // Windows has no such signals.
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await tempFolder();
    const processes: HttpServer[] = [];
    const start = (port: number) =>
      startServer({
        server: "hashcheck",
        transport: "http",
        store: `file:${folder.path}/sessions.jsonl`,
        port,
      });
    using pooled = Deno.createHttpClient({});
    try {
      processes.push(await start(0), await start(0));
      const urls = processes.map(({ url }) => url);
      // Half of the clients keep their connections open, as most do; half open one for each request.
      const keepOpen: Send = (url, init) => fetch(url, { ...init, client: pooled });
      const clients = Array.from({ length: CLIENTS }, (_, index) => {
        return new Retrying(urls, index, index % 4 < 2 ? keepOpen : sendOnce);
      });
      for (const client of clients) await client.open();
      const over = new AbortController();
      const working = clients.map((client) => client.store(over.signal));
      const failure = Promise.all(working);
      failure.catch(() => over.abort());

      for (let restart = 0; restart < 2 * ROUNDS && !over.signal.aborted; restart++) {
        const which = restart % 2;
        const process = processes[which];
        assert(process);
        await storedMore(clients, failure);
        assertEquals(await process.stop("SIGTERM"), 0, process.stderr.join("\n"));
        await storedMore(clients, failure);
        processes[which] = await start(Number(new URL(process.url).port));
      }
      over.abort();
      await failure;

      for (const client of clients) {
        assert(client.stored.size > 0);
        for (const [key, text] of client.stored) {
          assertEquals((await client.tool("hashcheck_verify", { key, text })).match, true, key);
        }
        const { count } = await client.tool("hashcheck_list", {});
        assertEquals(count, client.stored.size);
      }
      const retries = clients.reduce((sum, client) => sum + client.retries, 0);
      assert(retries > 0, "No client was ever disturbed, so nothing was tried");
      for (const process of processes) assertEquals(await process.stop(), 0);
    } finally {
      for (const process of processes) await process.stop("SIGKILL");
    }
  },
});

Deno.test({
  name: "two HTTP processes on one file: pending calls at SIGTERM are answered and counted",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using folder = await tempFolder();
    const store = `file:${folder.path}/sessions.jsonl`;
    const server = new URL("../fixtures/policies.ts", import.meta.url);
    const start = () => startServer({ server, transport: "http", store });
    await using first = await start();
    await using second = await start();
    const cookie = await first.create();
    const calls: Promise<WireResult>[] = [];
    for (let call = 0; call < 5; call++) {
      calls.push(first.toolResult("wait", { text: "1000" }, cookie));
      // Answered once the call above has begun.
      await first.toolResult("held");
      await first.toolResult("release");
    }
    const stopped = first.stop("SIGTERM");
    await second.toolResult("append", { text: "meanwhile" }, cookie);
    for (const { structuredContent } of await Promise.all(calls)) {
      assertEquals(structuredContent.outcome, "waited");
    }
    assertEquals(await stopped, 0);
    const { structuredContent } = await second.toolResult("count", {}, cookie);
    assertEquals(structuredContent.calls, 5 + 1 + 1);
    assertEquals(await second.stop(), 0);
  },
});

/** Waits until every client has stored one more text, and so has found a process. */
async function storedMore(clients: readonly Retrying[], failure: Promise<unknown>): Promise<void> {
  const more = Promise.all(clients.map((client) => client.storedNext()));
  await Promise.race([more, failure.then(() => more)]);
}
