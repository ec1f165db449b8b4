import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  ConversationSessions,
  type ConversationSessionsOptions,
} from "../../../client/bridge/conversation_sessions.ts";
import { MemoryJar } from "../../../client/mod.ts";
import { CONVERSATION_KEYS } from "../../../protocol/host_conversations.ts";
import {
  BridgedServer,
  POLICIES,
  sessionOf,
  startForUsers,
} from "../../support/bridge/bridged_servers.ts";
import { asUser, BridgeHost, conversation } from "../../support/bridge/host.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import { startServer, type WireResult } from "../../support/servers/server.ts";

const A = conversation("a");
const params = (_meta: Record<string, unknown>) => ({ name: "x", _meta });

/** A bridge's sessions, with everything in memory. */
function sessions(options: Partial<ConversationSessionsOptions> = {}) {
  const jar = new MemoryJar();
  const keys = ["a/b/c", "whole/key", ...CONVERSATION_KEYS];
  const rest = { server: "s", user: "", keys, name: undefined, perProcess: false, log: () => {} };
  return new ConversationSessions({ jar, ...rest, ...options });
}

function sessionFor(sessions: ConversationSessions, meta = {}, method = "tools/call") {
  return sessions.sessionFor({ jsonrpc: "2.0", id: 1, method, params: params(meta) });
}

Deno.test("ConversationSessions: a conversation has one session, by its first key", () => {
  const all = sessions();
  const one = sessionFor(all, { threadId: "1" });
  assert(one !== undefined);
  assertEquals(sessionFor(all, { threadId: "1", "openai/session": "2" }), one);
  assertEquals(sessionFor(all, { threadId: "1" }, "tools/list"), one);
  for (const meta of [{ threadId: "2" }, { "openai/session": "1" }, { "a/b/c": "1" }]) {
    assert(sessionFor(all, meta) !== one, JSON.stringify(meta));
  }
});

Deno.test("ConversationSessions: --session and --per-process are for requests without a conversation", () => {
  const named = sessions({ name: "work" });
  assert(sessionFor(named) !== undefined);
  assertEquals(sessionFor(named, { threadId: "1" }), sessionFor(named), "--session is for all");
  const process = sessions({ perProcess: true });
  assertEquals(sessionFor(process), process.processSession);
  assert(sessionFor(process, { threadId: "1" }) !== process.processSession);
  assertEquals(sessionFor(sessions()), undefined);
});

Deno.test("ConversationSessions: no session for a request with a cookie, or an id that cannot be read", () => {
  const process = sessions({ perProcess: true });
  for (const cookie of [{ id: "sess-own" }, null]) {
    assertEquals(sessionFor(process, { "mcp/session": cookie }), undefined);
  }
  for (const method of ["initialize", "session/list"]) {
    assertEquals(sessionFor(process, {}, method), undefined);
  }
  for (const threadId of [{ id: "one" }, ["one"], true, 2 ** 53]) {
    assertEquals(sessionFor(process, { threadId }), undefined, JSON.stringify(threadId));
  }
});

const IDS: readonly [meta: Record<string, unknown>, left: Record<string, unknown>][] = [
  [{ a: { b: { c: "id", d: 1 } } }, { a: { b: { d: 1 } } }],
  [{ a: { "b/c": "id", b: { c: 2 } } }, { a: { b: { c: 2 } } }],
  [{ "a/b": '{"c":"id","d":1}', a: { "b/c": 3 } }, { "a/b": '{"d":1}', a: { "b/c": 3 } }],
  [{ "a/b/c": "id", a: { b: { c: 4 } } }, { a: { b: { c: 4 } } }],
  [{ a: '{"b":"{\\"c\\":7}"}', threadId: "t" }, { a: '{"b":"{}"}' }],
  [{ "whole/key": "id", whole: { key: "other" } }, { whole: { key: "other" } }],
  [{ "a/b/c": "id", "whole/key": "id" }, {}],
  [{ a: { b: 5 }, progressToken: 7 }, { a: { b: 5 }, progressToken: 7 }],
];

Deno.test("ConversationSessions: withoutIds() takes an id out by the path that finds it", () => {
  const all = sessions();
  for (const [meta, left] of IDS) assertEquals(all.withoutIds(params(meta)), params(left));
  const untouched = { name: "x" };
  assert(all.withoutIds(untouched) === untouched);
});

/** As many conversations as the bridge caches. */
const CACHED = 1000;
const AT_ONCE = 50;

Deno.test("bridge: caches some conversations, and finds the others in the jar", async () => {
  await using behind = await BridgedServer.start(POLICIES, "stdio");
  await using host = await behind.connect("--log-level", "info");
  const session = async (id: string) => sessionOf(await host.tool("members", {}, conversation(id)));
  const busy = await session("busy");
  const held = host.tool("hold", { text: "x" }, conversation("busy"));
  await host.tool("held");
  const idle = await session("idle");
  for (let i = 0; i < CACHED - 1; i += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, CACHED - 1 - i) }, (_, j) => i + j);
    await Promise.all(some.map((i) => session(`${i}`)));
  }
  // Past the bound, the bridge evicts the least recently used one that is idle.
  assertEquals(await session("busy"), busy);
  assertEquals(await session("idle"), idle);
  await host.tool("release");
  assertEquals((await held).structuredContent.outcome, "written");
  assertEquals(await host.endInput(), 0);
  const resumed = host.stderr.filter((line) => line.endsWith("is resumed"));
  assertEquals(resumed, [`bridge: info: session ${idle.slice(0, 13)}… is resumed`]);
});

Deno.test("bridge: users in one conversation have a session each, which a new token finds", async () => {
  await using folder = await tempFolder();
  const users = { "token-of-alice": "alice", "token-of-bob": "bob", "token-for-alice": "alice" };
  await using server = await startForUsers(folder, users);
  const connect = (token: string) => BridgeHost.connect(folder, asUser(server.url, token));
  const ids: string[] = [];
  for (let life = 0; life < 2; life++) {
    for (const token of ["token-of-bob", "token-of-alice"]) {
      await using host = await connect(token);
      ids.push(sessionOf(await host.tool("notebook_append", { text: token }, A)));
      await host.stop("SIGKILL");
    }
  }
  const [bob = "", alice = ""] = ids;
  assertEquals(ids, [bob, alice, bob, alice]);
  await using host = await connect("token-for-alice");
  assertEquals(sessionOf(await host.tool("notebook_read", {}, A)), alice);
});

Deno.test("bridge: with --per-process, a session without a conversation ends with its bridge", async () => {
  await using it = await BridgedServer.start("notebook", "http");
  const connect = () => it.connect("--per-process");
  await using host = await connect();
  const session = sessionOf(await host.tool("notebook_append", { text: "one" }));
  assertEquals(sessionOf(await host.tool("notebook_read")), session);
  assertEquals(await it.sessions(), [session]);
  await using other = await connect();
  assertNotEquals(sessionOf(await other.tool("notebook_read")), session);
  const inA = async (host: BridgeHost) => sessionOf(await host.tool("notebook_read", {}, A));
  assertEquals(await inA(host), await inA(other));
  assertEquals([await host.endInput(), await other.stop("SIGTERM")], [0, 0]);
  assertEquals((await it.sessions()).length, 1, "a conversation's is found again");
});

Deno.test("bridge: --session names one session for everything", async () => {
  await using it = await BridgedServer.start("notebook", "http");
  const connect = () => it.connect("--session", "work");
  let session: string;
  {
    await using host = await connect();
    session = sessionOf(await host.tool("notebook_append", { text: "1" }, A));
    assertEquals(sessionOf(await host.tool("notebook_read", {}, conversation("b"))), session);
    await host.stop("SIGKILL");
  }
  await using host = await connect();
  assertEquals(sessionOf(await host.tool("notebook_read")), session);
  assertEquals(await host.endInput(), 0);
  await using other = await it.connect("--session", "play");
  assertNotEquals(sessionOf(await other.tool("notebook_read")), session);
  assertEquals((await it.sessions()).length, 2);
});

const FLAGS = ["--conversation-key", "room", "--conversation-key", "com.example/context/chat"];

/** Calls: their session, and their `_meta`. */
const CALLS: readonly [session: string, meta: Record<string, unknown>][] = [
  ["room B", { "openai/session": "A", room: "B" }],
  ["room B", { "openai/session": "C", room: "B" }],
  ["room B", { room: "B" }],
  ["room C", { "vscode.conversationId": "B", room: "C" }],
  ["room C", { room: "C", "com.example/context/chat": "B" }],
  ["chat B", { "com.example/context": { chat: "B" } }],
  ["chat B", { "com.example/context": '{"chat":"B"}', threadId: "B" }],
  ["chat B", { "com.example/context/chat": "", "com.example/context": { chat: "B" } }],
  ["whole B", { "com.example/context/chat": "B" }],
  ["whole B", { "com.example/context/chat": "B", "com.example/context": { chat: "C" } }],
  ["thread B", { threadId: "B", "com.zcode/request-context": { session_id: "C" } }],
  ["thread B", { threadId: "B", "com.example/context": {} }],
  ["antigravity B", { "antigravity.google/conversation_id": "B" }],
  ["zcode B", { "com.zcode/request-context": { session_id: "B" } }],
  ["zcode B", { "com.zcode/request-context": '{"session_id":"B","other":1}' }],
];

/** Makes each call, and names its session after the first call in it. */
async function sessionNames(
  call: (name: string, args: object, meta: Record<string, unknown>) => Promise<WireResult>,
): Promise<string[]> {
  const names = new Map<string, string>();
  const found = [];
  for (const [name, meta] of CALLS) {
    const id = sessionOf(await call("notebook_status", {}, meta));
    names.set(id, names.get(id) ?? name);
    found.push(names.get(id) ?? "");
  }
  return found;
}

const EXPECTED = CALLS.map(([session]) => session);

Deno.test("--conversation-key: a server looks up these keys first, and paths", async () => {
  await using server = await startServer({ server: "notebook", transport: "stdio", flags: FLAGS });
  const found = await sessionNames((name, args, _meta) =>
    server.result("tools/call", { name, arguments: args, _meta })
  );
  assertEquals(found, EXPECTED);
});

Deno.test("--conversation-key: a bridge looks up the same keys in the same order", async () => {
  await using behind = await BridgedServer.start("notebook", "stdio");
  await using host = await behind.connect(...FLAGS);
  assertEquals(await sessionNames((name, args, meta) => host.tool(name, args, meta)), EXPECTED);
});
