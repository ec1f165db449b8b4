/**
 * Answers in every order, beside a jar that is slow or another process writes: no session that is there
 * is dropped for an older one, no call is sent again that has run.
 */

import { assertEquals } from "@std/assert";
import { type CookieJar, type HeldCookie, MemoryJar } from "../../../client/mod.ts";
import type { JSONRPCRequest } from "../../../client/sdk.ts";
import { EraServer, RawClient, resultOf } from "../../support/client/era_server.ts";
import { until } from "../../support/until.ts";

const KEY = "mcp/session";
const FILED = { server: "s", profile: "default" };
const LOST = { code: -32002, message: "Session required.", data: { reason: "unknown" } };

/** A server that answers calls, and then methods named `held`, by the test's word alone. */
class HoldingServer extends EraServer {
  constructor(...held: string[]) {
    super({
      answer: ({ method }) => {
        const isConnected = this.metas("tools/call").length > 0;
        return isConnected && ["tools/call", ...held].includes(method) ? "hold" : undefined;
      },
    });
  }

  /** The message of a method with this index, once it has come. */
  async taken(method: string, index: number): Promise<JSONRPCRequest> {
    const [message] = await until(
      () =>
        this.received.map(({ message }) => message).filter((each) => each.method === method)
          .slice(index),
      ([message]) => message !== undefined,
    );
    return message as JSONRPCRequest;
  }

  /** Answers a request with this cookie. */
  give({ id }: JSONRPCRequest, cookie: HeldCookie | null): void {
    this.say({ jsonrpc: "2.0", id, result: { content: [], _meta: { [KEY]: cookie } } });
  }

  refuse({ id }: JSONRPCRequest): void {
    this.say({ jsonrpc: "2.0", id, error: LOST });
  }
}

async function connected(server: EraServer, jar: CookieJar = new MemoryJar()): Promise<RawClient> {
  const client = await RawClient.start(server, { jar, server: FILED.server });
  await client.initialize();
  return client;
}

function call(client: RawClient) {
  return client.request("tools/call", { name: "echo" });
}

/** A jar that can be made to wait. */
class SlowJar extends MemoryJar {
  #gate: { readonly reached: () => void; readonly opened: Promise<void> } | undefined;

  /** Makes it wait from now on: resolves `reached` when something does. */
  close(): { readonly reached: Promise<void>; readonly open: () => void } {
    const [reached, opened] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    this.#gate = { reached: reached.resolve, opened: opened.promise };
    return { reached: reached.promise, open: opened.resolve };
  }

  override async get(...args: Parameters<MemoryJar["get"]>) {
    await this.#pass();
    return await super.get(...args);
  }

  override async set(...args: Parameters<MemoryJar["set"]>) {
    await this.#pass();
    await super.set(...args);
  }

  async #pass(): Promise<void> {
    this.#gate?.reached();
    await this.#gate?.opened;
  }
}

Deno.test("withSession: keeps the session that a call brings while the jar is read", async () => {
  const server = new HoldingServer();
  const jar = new SlowJar();
  await using client = await connected(server, jar);
  const ending = call(client);
  server.give(await server.taken("tools/call", 0), null);
  await ending;
  const [refused, lazy] = [call(client), call(client)];
  const [first, second] = [
    await server.taken("tools/call", 1),
    await server.taken("tools/call", 2),
  ];
  const gate = jar.close();
  server.refuse(first);
  await gate.reached;
  server.give(second, { id: "sess-lazy" });
  gate.open();
  await lazy;
  const repeated = await server.taken("tools/call", 3);
  assertEquals(repeated.params?._meta, { [KEY]: { id: "sess-lazy" } });
  server.give(repeated, { id: "sess-lazy" });
  resultOf(await refused);
  assertEquals(client.told, ["created", "revoked", "created"]);
  assertEquals([client.transport.cookie, await jar.get(FILED)], [
    { id: "sess-lazy" },
    { id: "sess-lazy" },
  ]);
  assertEquals(server.metas("session/create").length, 1);
});

Deno.test("withSession: ends the session that it asked for when a call brings one first", async () => {
  const server = new HoldingServer("session/create");
  const jar = new MemoryJar();
  await using client = await connected(server, jar);
  const ending = call(client);
  server.give(await server.taken("tools/call", 0), null);
  await ending;
  const [refused, lazy] = [call(client), call(client)];
  server.refuse(await server.taken("tools/call", 1));
  const creating = await server.taken("session/create", 1);
  server.give(await server.taken("tools/call", 2), { id: "sess-lazy" });
  await lazy;
  server.say({ jsonrpc: "2.0", id: creating.id, result: server.newSession(KEY) });
  const repeated = await server.taken("tools/call", 3);
  assertEquals(repeated.params?._meta, { [KEY]: { id: "sess-lazy" } });
  server.give(repeated, { id: "sess-lazy" });
  await refused;
  assertEquals(server.metas("session/delete"), [{ [KEY]: { id: "sess-2" } }]);
  assertEquals(client.told, ["created", "revoked", "created"]);
  assertEquals(await jar.get(FILED), { id: "sess-lazy" });
});

Deno.test("withSession: every refused call waits until the jar's session was looked up", async () => {
  const server = new HoldingServer("session/list");
  const jar = new MemoryJar();
  await using client = await connected(server, jar);
  const renewing = call(client);
  const calls = [call(client)];
  const [renewed, first] = [
    await server.taken("tools/call", 0),
    await server.taken("tools/call", 1),
  ];
  await jar.set(FILED, { id: "sess-other" });
  server.refuse(first);
  calls.push(call(client));
  const second = await server.taken("tools/call", 2);
  server.give(renewed, { id: "sess-1" });
  resultOf(await renewing);
  const looking = await server.taken("session/list", 0);
  server.refuse(second);
  // It is gone, too.
  server.say({ jsonrpc: "2.0", id: looking.id, result: { sessions: [] } });
  const repeated = [await server.taken("tools/call", 3), await server.taken("tools/call", 4)];
  assertEquals(repeated.map(({ params }) => params?._meta), [
    { [KEY]: { id: "sess-2" } },
    { [KEY]: { id: "sess-2" } },
  ]);
  for (const each of repeated) server.give(each, { id: "sess-2" });
  for (const response of await Promise.all(calls)) resultOf(response);
  assertEquals(client.told, ["created", "lost", "lost", "created"]);
});

Deno.test("withSession: keeps the session that gets another id, though a call that had the old one is refused first", async () => {
  const server = new HoldingServer();
  const jar = new MemoryJar();
  await using client = await connected(server, jar);
  const [refused, rotating, idle] = [call(client), call(client), call(client)];
  const [first, second, third] = [
    await server.taken("tools/call", 0),
    await server.taken("tools/call", 1),
    await server.taken("tools/call", 2),
  ];
  server.refuse(first);
  server.give(second, { id: "sess-next" });
  resultOf(await rotating);
  const repeated = await server.taken("tools/call", 3);
  assertEquals(repeated.params?._meta, { [KEY]: { id: "sess-next" } });
  server.give(repeated, { id: "sess-next" });
  resultOf(await refused);
  server.give(third, { id: "sess-1" });
  resultOf(await idle);
  assertEquals(client.told, ["created", "replaced"]);
  assertEquals(server.metas("session/create").length, 1);
  assertEquals(await jar.get(FILED), { id: "sess-next" });
});

Deno.test("withSession: waits a bounded time for a call that may have given the session another id", async () => {
  const server = new HoldingServer();
  await using client = await RawClient.start(server, { establishMs: 1_000 });
  await client.initialize();
  const [refused, endless] = [call(client), call(client)];
  server.refuse(await server.taken("tools/call", 0));
  const unanswered = await server.taken("tools/call", 1);
  const repeated = await server.taken("tools/call", 2);
  assertEquals(repeated.params?._meta, { [KEY]: { id: "sess-2" } });
  server.give(repeated, { id: "sess-2" });
  resultOf(await refused);
  server.give(unanswered, { id: "sess-1" });
  resultOf(await endless);
  assertEquals(client.told, ["created", "lost", "created"]);
});

Deno.test("withSession: a second answer to a call changes nothing", async () => {
  const server = new HoldingServer();
  const jar = new SlowJar();
  await using client = await connected(server, jar);
  const rotating = call(client);
  const taken = await server.taken("tools/call", 0);
  const gate = jar.close();
  server.give(taken, { id: "sess-next" });
  await gate.reached;
  server.refuse(taken);
  gate.open();
  resultOf(await rotating);
  await client.request("ping");
  assertEquals(server.metas("tools/call").length, 1);
  assertEquals(client.told, ["created", "replaced"]);
});

Deno.test("withSession: a renewed cookie does not undo what another process has filed", async () => {
  const server = new HoldingServer();
  const jar = new MemoryJar();
  await using client = await connected(server, jar);
  const late = call(client);
  const taken = await server.taken("tools/call", 0);
  // It has had the session replaced.
  server.sessions.add("sess-other");
  await jar.set(FILED, { id: "sess-other" });
  server.give(taken, { id: "sess-1", expiry: "2099-01-01T00:00:00Z" });
  await late;
  const next = call(client);
  server.refuse(await server.taken("tools/call", 1));
  const repeated = await server.taken("tools/call", 2);
  assertEquals(repeated.params?._meta, { [KEY]: { id: "sess-other" } });
  server.give(repeated, { id: "sess-other" });
  await next;
  assertEquals(client.told, ["created", "lost", "resumed"]);
  assertEquals(await jar.get(FILED), { id: "sess-other" });
});

const EARLY = { id: "sess-1", expiry: "2097-01-01T00:00:00Z" };
const LATE = { id: "sess-1", expiry: "2098-01-01T00:00:00.000000+00:00" };
const LATEST = { id: "sess-1", expiry: "2099-01-01T00:00:00Z" };

Deno.test.each<readonly [which: string, listed: HeldCookie, held: HeldCookie]>([
  ["a result's", EARLY, LATE],
  ["the list's", LATEST, LATEST],
])(
  "withSession: holds the latest expiry, %s, in whatever order answers come",
  async (_, listed, held) => {
    const server = new HoldingServer("session/list");
    const jar = new MemoryJar();
    await using client = await connected(server, jar);
    const calls = [call(client), call(client), call(client)];
    const [first, second, failing] = [
      await server.taken("tools/call", 0),
      await server.taken("tools/call", 1),
      await server.taken("tools/call", 2),
    ];
    server.say({ jsonrpc: "2.0", id: failing.id, result: { content: [], isError: true } });
    const looking = await server.taken("session/list", 0);
    server.give(second, LATE);
    server.give(first, EARLY);
    server.say({ jsonrpc: "2.0", id: looking.id, result: { sessions: [listed] } });
    for (const response of await Promise.all(calls)) resultOf(response);
    assertEquals(client.transport.cookie, held);
    await client.transport.close();
    assertEquals(await jar.get(FILED), held);
  },
);

Deno.test("withSession: a session made before the jar was read does not undo the jar's", async () => {
  const server = new HoldingServer();
  const jar = new MemoryJar();
  await jar.set(FILED, { id: "sess-filed" });
  await using client = await RawClient.start(server, { jar, server: FILED.server });
  await client.request("initialize", { protocolVersion: "2025-11-25" });
  const early = call(client);
  server.give(await server.taken("tools/call", 0), { id: "sess-lazy" });
  await early;
  assertEquals(client.transport.cookie, { id: "sess-lazy" });
  await client.transport.close();
  assertEquals(await jar.get(FILED), { id: "sess-filed" });
});
