/**
 * The client with the servers of this project: real processes, each transport, kills in between.
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import {
  isOutcomeUnknown,
  MemoryJar,
  sendOnce,
  type WithSessionOptions,
} from "../../client/mod.ts";
import { ResultSchema, StreamableHTTPClientTransport, type Transport } from "../../client/sdk.ts";
import { StdioClientTransport } from "../../client/sdk_stdio.ts";
import { Connected } from "../support/client/client_fixture.ts";
import { DENO_ENV } from "../support/deno_dir.ts";
import { type HttpServer, type ServerName, startServer } from "../support/servers/server.ts";

const WAYS = ["stdio", "http", "stateful"] as const;
type Way = (typeof WAYS)[number];

/** A server with a file store, which can be killed and restarted. */
class Live implements AsyncDisposable {
  readonly #server: ServerName;
  readonly #way: Way;
  readonly #folder: string;
  #http: HttpServer | undefined;
  #stdio: StdioClientTransport | undefined;

  constructor(server: ServerName, way: Way, folder: string) {
    this.#server = server;
    this.#way = way;
    this.#folder = folder;
  }

  get #store(): string {
    return `file:${this.#folder}/sessions.jsonl`;
  }

  static async start(server: ServerName, way: Way, folder?: string): Promise<Live> {
    const live = new Live(server, way, folder ?? await Deno.makeTempDir());
    if (way !== "stdio") await live.#listen(0);
    return live;
  }

  /** The same sessions behind another transport. */
  beside(way: Way): Promise<Live> {
    return Live.start(this.#server, way, this.#folder);
  }

  async #listen(port: number): Promise<void> {
    this.#http = await startServer({
      server: this.#server,
      transport: "http",
      store: this.#store,
      flags: this.#way === "stateful" ? ["--stateful"] : [],
      port,
    });
  }

  readonly connect = (): Transport => {
    if (this.#http !== undefined) {
      // A stream that reopens while the SDK's transport closes leaves a timer behind.
      const reconnectionOptions = {
        maxRetries: 0,
        initialReconnectionDelay: 0,
        maxReconnectionDelay: 0,
        reconnectionDelayGrowFactor: 1,
      };
      return new StreamableHTTPClientTransport(new URL(this.#http.url), {
        fetch: sendOnce,
        reconnectionOptions,
      });
    }
    const script = fileURLToPath(new URL(`../../servers/${this.#server}.ts`, import.meta.url));
    this.#stdio = new StdioClientTransport({
      command: Deno.execPath(),
      args: ["run", "-A", script, "--store", this.#store],
      env: { ...DENO_ENV },
      stderr: "inherit",
    });
    return this.#stdio;
  };

  async client(options?: WithSessionOptions): Promise<Connected> {
    const it = new Connected(this.connect, options);
    await it.client.connect(it.transport);
    return it;
  }

  async killAndRestart(): Promise<void> {
    if (this.#http !== undefined) {
      const port = Number(new URL(this.#http.url).port);
      await this.#http.stop("SIGKILL");
      return await this.#listen(port);
    }
    const stdio = this.#stdio;
    assert(stdio?.pid);
    const dead = Promise.withResolvers<void>();
    const onclose = stdio.onclose;
    stdio.onclose = () => {
      onclose?.();
      dead.resolve();
    };
    Deno.kill(stdio.pid, "SIGKILL");
    await dead.promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#http?.stop("SIGKILL");
    await Deno.remove(this.#folder, { recursive: true }).catch(() => {});
  }
}

function eachWay(name: string, fn: (way: Way) => Promise<void>): void {
  for (const way of WAYS) {
    // The SDK's stdio transport never clears the timer that limits its close().
    const sanitize = way !== "stdio";
    const test = { sanitizeOps: sanitize, sanitizeResources: sanitize, fn: () => fn(way) };
    Deno.test({ name: `client: ${name} (${way})`, ...test });
  }
}

async function structured(
  it: Connected,
  name: string,
  args = {},
): Promise<Record<string, unknown>> {
  const result = await it.client.callTool({ name, arguments: args });
  const { structuredContent } = result;
  assert(
    typeof structuredContent === "object" && structuredContent !== null,
    JSON.stringify(result),
  );
  return { ...structuredContent };
}

eachWay(
  "a cookie's life with session.ts: create, echo, revoke, re-establish, rotate",
  async (way) => {
    await using live = await Live.start("session", way);
    await using it = await live.client();
    assertEquals(it.transport.cookie?.data?.title, "test · experimental-mcp-sessions");
    const first = it.id;
    assertEquals((await structured(it, "session_probe")).calls, 1);
    assertEquals((await structured(it, "session_probe")).calls, 2);
    assertEquals(it.id, first);
    assertEquals((await structured(it, "session_probe", { action: "revoke" })).session_id, first);
    assertEquals(it.id, undefined);
    assertEquals((await structured(it, "session_probe")).calls, 1);
    assertEquals(it.transport.cookie?.data?.reason, "lazy/tools/call");
    const lazy = it.id;
    assertEquals((await structured(it, "session_probe", { action: "new" })).calls, 1);
    assertNotEquals(it.id, lazy);
    assertEquals(it.transport.cookie?.data?.title, "rotated-session");
    assertEquals(it.told, ["created", "revoked", "created", "replaced"]);
  },
);

eachWay("hashcheck finds what it stored before a kill -9, in the same session", async (way) => {
  await using live = await Live.start("hashcheck", way);
  await using it = await live.client();
  const { id } = it;
  await structured(it, "hashcheck_store", { key: "k", text: "t" });
  await live.killAndRestart();
  const found = await structured(it, "hashcheck_verify", { key: "k", text: "t" });
  assertEquals([found.match, it.id], [true, id]);
  const rebuilt = way !== "http";
  assertEquals(it.told, rebuilt ? ["created", "reconnected"] : ["created"]);
});

eachWay(
  "ten notes written at once are ten notes, though the session is lost meanwhile",
  async (way) => {
    await using live = await Live.start("notebook", way);
    await using it = await live.client();
    await structured(it, "notebook_append", { text: "gone" });
    // Another client deletes the session: to this one it is lost.
    await it.client.request({
      method: "session/delete",
      params: { id: it.id, _meta: { "mcp/session": null } },
    }, ResultSchema);
    const texts = Array.from({ length: 10 }, (_, number) => `note ${number}`);
    await Promise.all(texts.map((text) => structured(it, "notebook_append", { text })));
    assertEquals(it.told, ["created", "lost", "created"]);
    const { notes } = await structured(it, "notebook_read");
    assert(Array.isArray(notes));
    assertEquals(notes.map(({ text }) => text).sort(), texts);
  },
);

eachWay("calls of a killed server are unknown or done, and no note is there twice", async (way) => {
  await using live = await Live.start("notebook", way);
  await using it = await live.client();
  const done: string[] = [];
  const unknown: string[] = [];
  for (let round = 0; round < 3; round++) {
    const texts = Array.from({ length: 20 }, (_, number) => `${round}-${number}`);
    const calls = texts.map(async (text, number) => {
      try {
        await structured(it, "notebook_append", { text });
        done.push(text);
        if (number === 3) await live.killAndRestart();
      } catch (error) {
        assert(isOutcomeUnknown(error), String(error));
        unknown.push(text);
      }
    });
    await Promise.all(calls);
    await it.client.ping();
  }
  const { notes } = await structured(it, "notebook_read");
  assert(Array.isArray(notes));
  const texts: string[] = notes.map(({ text }) => text);
  assertEquals(new Set(texts).size, texts.length, "a call ran twice");
  assertEquals(done.filter((text) => !texts.includes(text)), [], "acknowledged, and lost");
  assertEquals(texts.filter((text) => ![...done, ...unknown].includes(text)), []);
  assertEquals(it.told.includes("lost"), false);
});

for (
  const [from, to] of [["stdio", "http"], ["http", "stateful"], ["stateful", "stdio"]] as const
) {
  Deno.test({
    name: `client: a session made over ${from} goes on over ${to}`,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      await using first = await Live.start("notebook", from);
      await using second = await first.beside(to);
      const jar = new MemoryJar();
      const filed = { jar, server: "notebook" };
      let id;
      {
        await using it = await first.client(filed);
        await structured(it, "notebook_append", { text: "kept" });
        id = it.id;
      }
      await using it = await second.client(filed);
      assertEquals([it.id, it.told], [id, ["resumed"]]);
      assertEquals(it.events[0]?.type === "resumed" && it.events[0].verified, true);
      assertEquals((await structured(it, "notebook_status")).note_count, 1);
    },
  });
}

eachWay("session_required refuses without a session, and the client is told so", async (way) => {
  await using live = await Live.start("session_required", way);
  await using it = await live.client();
  const mine = { _meta: { "mcp/session": null } };
  const refused = await it.client.callTool({ name: "whoami", ...mine }).catch((error) => error);
  assertEquals([refused.code, refused.data], [-32002, { reason: "missing" }]);
  assertEquals((await structured(it, "whoami")).session_id, it.id);
});

eachWay(
  "sees the tools of notebook alone, and makes a session in place of one that it has ended",
  async (way) => {
    await using live = await Live.start("notebook", way);
    await using it = await live.client();
    const names = async () => (await it.client.listTools()).tools.map(({ name }) => name);
    const own = ["notebook_append", "notebook_read", "notebook_clear", "notebook_status"];
    assertEquals(await names(), own);
    await structured(it, "notebook_append", { text: "gone" });
    await it.client.request({ method: "session/delete" }, ResultSchema);
    assertEquals([it.id, await names()], [undefined, own]);
    assertEquals((await structured(it, "notebook_read")).count, 0);
    assertEquals(it.told, ["created", "revoked", "created"]);
  },
);
