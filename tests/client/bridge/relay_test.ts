/**
 * The relay between host and server: what passes as it is, what does not, and how it starts and ends.
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { BridgeHost, ECHO } from "../../support/bridge/host.ts";
import { tempFolder } from "../../support/temp_folder.ts";
import { INITIALIZE } from "../../support/servers/server.ts";

const SESSIONS = [...ECHO, "--sessions"];

/** Every key of `_meta` that hosts use for a conversation, and others. */
const META = {
  progressToken: 7,
  "vscode.conversationId": "c",
  threadId: "t",
  "x-codex-turn-metadata": { session_id: "s", turn_id: "u" },
  "openai/session": "o",
  "ai.opencode/sessionID": "p",
  "agent-session-id": "g",
  "antigravity.google/conversation_id": "v",
  "com.zcode/request-context": { session_id: "z", request_id: "r" },
  "com.example/trace": { a: [1, null] },
};

function withBridge(
  name: string,
  args: readonly string[],
  fn: (host: BridgeHost) => Promise<void>,
): void {
  Deno.test(`bridge: ${name}`, async () => {
    await using folder = await tempFolder();
    await using host = BridgeHost.start(folder, args);
    await fn(host);
  });
}

async function echoed(host: BridgeHost, method: string, params: unknown, id: unknown) {
  const { result } = await host.request(method, params, id);
  assert(result !== undefined && "received" in result);
  return { received: result.received, _meta: result._meta };
}

withBridge("passes a server without sessions through untouched", ECHO, async (host) => {
  const { capabilities } = await host.initialize();
  assertEquals<unknown>(capabilities, { tools: {}, experimental: { other: {} } });
  const params = { name: "tool", arguments: { x: 1 }, _meta: META, more: true };
  for (const id of [0, 7, "7", "x"]) {
    const { received, _meta } = await echoed(host, "tools/call", params, id);
    assertEquals(received, { jsonrpc: "2.0", id, method: "tools/call", params });
    assertEquals(_meta, { "other/key": 1 });
  }
  const { received } = await echoed(host, "x/unknown", undefined, 8);
  assertEquals(received, { jsonrpc: "2.0", id: 8, method: "x/unknown" });
});

withBridge("sends a cookie in place of the conversation's id", SESSIONS, async (host) => {
  // The capability is hidden: a host that knows sessions must not make its own.
  const { capabilities } = await host.initialize();
  assertEquals<unknown>(capabilities, { tools: {}, experimental: { other: {} } });
  const { received, _meta } = await echoed(host, "tools/call", { name: "x", _meta: META }, 1);
  const expected = {
    progressToken: 7,
    "x-codex-turn-metadata": { turn_id: "u" },
    "com.zcode/request-context": { request_id: "r" },
    "com.example/trace": { a: [1, null] },
    "mcp/session": { id: "sess-echo" },
  };
  const params = { name: "x", _meta: expected };
  assertEquals(received, { jsonrpc: "2.0", id: 1, method: "tools/call", params });
  assertEquals(_meta, { "other/key": 1 });
  const text = { "x-codex-turn-metadata": JSON.stringify({ session_id: "s", turn_id: "u" }) };
  const second = await echoed(host, "tools/call", { _meta: text }, 2);
  assertEquals(second.received, {
    jsonrpc: "2.0",
    id: 2,
    method: "tools/call",
    params: {
      _meta: {
        "x-codex-turn-metadata": '{"turn_id":"u"}',
        "mcp/session": { id: "sess-echo" },
      },
    },
  });
  const own = { _meta: { ...META, "mcp/session": { id: "sess-own" } } };
  const third = await echoed(host, "tools/call", own, 3);
  assertEquals(third.received, { jsonrpc: "2.0", id: 3, method: "tools/call", params: own });
  assertEquals(third._meta?.["mcp/session"]?.id, "sess-own");
});

withBridge(
  "sends null while it holds no session, to a server with sessions",
  SESSIONS,
  async (host) => {
    await host.initialize();
    const listed = await echoed(host, "tools/list", undefined, 1);
    const params = { _meta: { "mcp/session": null } };
    assertEquals(listed.received, { jsonrpc: "2.0", id: 1, method: "tools/list", params });
    assertEquals(listed._meta, { "other/key": 1 });
    // An id that cannot be told from others names no conversation.
    const unreadable = { name: "x", _meta: { threadId: ["t"] } };
    const { received } = await echoed(host, "tools/call", unreadable, 2);
    const _meta = { threadId: ["t"], "mcp/session": null };
    const sent = { ...unreadable, _meta };
    assertEquals(received, { jsonrpc: "2.0", id: 2, method: "tools/call", params: sent });
  },
);

withBridge(
  "passes a server's requests and notifications, and the host's responses",
  SESSIONS,
  async (host) => {
    await host.initialize({ roots: {}, sampling: {}, elicitation: {} });
    const emit = [
      { jsonrpc: "2.0", method: "notifications/message", params: { level: "info", data: "x" } },
      {
        jsonrpc: "2.0",
        method: "notifications/progress",
        params: { progressToken: 7, progress: 1 },
      },
      { jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri: "a:b" } },
      { jsonrpc: "2.0", id: 0, method: "sampling/createMessage", params: { messages: [] } },
      { jsonrpc: "2.0", id: "0", method: "elicitation/create", params: { message: "?" } },
      { jsonrpc: "2.0", id: 1, method: "roots/list" },
    ];
    const before = host.messages.length;
    await host.request("tools/call", { emit }, "call");
    const got = host.messages.slice(before, -1);
    // The bridge replaces the ids of requests.
    const named = got.map((message, at) => ({ ...message, ...("id" in message && emit[at]) }));
    assertEquals<unknown>(named, emit);
    const [sampling, elicitation, roots] = got.slice(3).map(({ id }) => id);
    const replies = [
      { jsonrpc: "2.0", id: 1, error: { code: -32601, message: "No roots", data: { a: 1 } } },
      { jsonrpc: "2.0", id: "0", result: { action: "accept", content: {} } },
      { jsonrpc: "2.0", id: 0, result: { role: "assistant", content: [], model: "m" } },
    ];
    for (const [at, id] of [roots, elicitation, sampling].entries()) {
      await host.send({ ...replies[at], id });
    }
    const changed = { jsonrpc: "2.0", method: "notifications/roots/list_changed" };
    await host.send(changed);
    const { result } = await host.request("seen", {});
    const initialized = { jsonrpc: "2.0", method: "notifications/initialized" };
    assertEquals<unknown>(result, { seen: [initialized, ...replies, changed] });
  },
);

withBridge("passes a cancellation on, and awaits no response", SESSIONS, async (host) => {
  await host.initialize();
  await host.send({ jsonrpc: "2.0", id: 1, method: "hold", params: {} });
  const params = { requestId: 1, reason: "enough" };
  await host.send({ jsonrpc: "2.0", method: "notifications/cancelled", params });
  const { result } = await host.request("seen", {}, 2);
  const initialized = { jsonrpc: "2.0", method: "notifications/initialized" };
  const cancelled = { jsonrpc: "2.0", method: "notifications/cancelled", params };
  assertEquals<unknown>(result, { seen: [initialized, cancelled] });
  assertEquals(await host.endInput(), 0);
  assert(!host.messages.some(({ id }) => id === 1));
  assertEquals(host.stderr, []);
});

withBridge("answers a line that it cannot read with an error, and goes on", ECHO, async (host) => {
  const long = "x".repeat(4 * 1024 * 1024);
  const deep = "[".repeat(200) + "]".repeat(200);
  const lines = [
    '{"broken',
    "",
    "[]",
    '{"jsonrpc":"2.0","id":5,"method":7}',
    `"${long}"`,
    `{"jsonrpc":"2.0","method":"x","params":{"id":6,"x":"${long}"},"id":"long"}`,
    `{"jsonrpc":"2.0","id":"deep","method":"x","params":{"x":${deep}}}`,
    // A line without a method gets no answer.
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}',
    '{"jsonrpc":"2.0","id":8,"result":7}',
    `{"jsonrpc":"2.0","id":9,"result":{"x":"${long}"}}`,
    `{"jsonrpc":"2.0","id":10,"result":{"x":${deep}}}`,
    '{"jsonrpc":"2.0","id":11}',
    "{}",
    "\r",
  ];
  await host.write(`${lines.join("\n")}\n`);
  await host.initialize();
  const errors = host.messages.slice(0, -1).map(({ id, error }) => [id, error?.code]);
  assertEquals(errors, [
    [null, -32700],
    [null, -32600],
    [5, -32600],
    [null, -32600],
    ["long", -32600],
    ["deep", -32600],
  ]);
  assertStringIncludes(host.messages[4]?.error?.message ?? "", "at most 4194304 bytes");
  const large = "é".repeat(1024 * 1024);
  const { received } = await echoed(host, "x", { large }, "a\nb");
  assertEquals(received, { jsonrpc: "2.0", id: "a\nb", method: "x", params: { large } });
});

withBridge("treats null params as absent", SESSIONS, async (host) => {
  await host.initialize();
  for (const method of ["ping", "tools/list"]) {
    const { received } = await echoed(host, method, null, method);
    const params = { _meta: { "mcp/session": null } };
    assertEquals(received, { jsonrpc: "2.0", id: method, method, params });
  }
});

withBridge("refuses a second request with the id of a pending one", ECHO, async (host) => {
  await host.initialize();
  await host.send({ jsonrpc: "2.0", id: 1, method: "hold" });
  assertEquals((await host.request("ping", {}, 1)).error?.code, -32600);
});

Deno.test("bridge: answers every request that came before the input ended", async () => {
  await using folder = await tempFolder();
  const host = BridgeHost.start(folder, SESSIONS);
  const message = (id: number, method: string, params: unknown) =>
    JSON.stringify({ jsonrpc: "2.0", id, method, params });
  const initialized = JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" });
  const calls = [1, 2, 3].map((id) => message(id, "tools/call", { _meta: { threadId: "t" } }));
  // The last line has no end of its own.
  await host.write([message(0, "initialize", INITIALIZE), initialized, ...calls].join("\n"));
  assertEquals(await host.endInput(), 0);
  assertEquals(host.messages.map(({ id }) => id), [0, 1, 2, 3]);
  // Also requests that came before the result of initialize.
  for (const { result } of host.messages.slice(1)) {
    assertStringIncludes(JSON.stringify(result), '"mcp/session":{"id":"sess-echo"}');
  }
  assertEquals(host.stderr, []);
});

for (const flags of [[], ["--session", "notes"]]) {
  withBridge(
    `says once that the server has no sessions ${flags}`,
    [...flags, ...ECHO],
    async (host) => {
      await host.initialize();
      await host.initialize();
      // A new process of the server says the same.
      await host.send({ jsonrpc: "2.0", method: "exit" });
      while ((await host.request("ping", {})).error !== undefined);
      await host.endInput();
      const [said = "", ...more] = host.stderr;
      assertEquals(more, []);
      assertStringIncludes(said, "has no sessions (MCP session v2)");
      assertStringIncludes(said, "Put the bridge in front of a server that has them");
      const loud = said.includes("bridge: error: --session notes has no effect");
      assertEquals(loud, flags.length > 0, said);
    },
  );
}

withBridge("logs nothing for a server that has sessions", SESSIONS, async (host) => {
  await host.initialize();
  assertEquals(await host.endInput(), 0);
  assertEquals(host.stderr, []);
});

withBridge("reports how a session is found once, not after a reconnect", [
  "--log-level",
  "info",
  ...SESSIONS,
], async (host) => {
  await host.initialize();
  await host.send({ jsonrpc: "2.0", method: "exit" });
  while ((await host.request("ping", {})).error !== undefined);
  await host.endInput();
  assertEquals(host.stderr.filter((line) => line.includes("info: sessions: ")).length, 1);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  withBridge(`ends with 0 on ${signal}`, ECHO, async (host) => {
    await host.initialize();
    assertEquals(await host.stop(signal), 0);
  });
}

withBridge("answers each of two initializes that come at once", SESSIONS, async (host) => {
  const answers = await Promise.all([
    host.request("initialize", INITIALIZE),
    host.request("initialize", INITIALIZE),
  ]);
  for (const { result } of answers) assertEquals(result?.serverInfo !== undefined, true);
  await host.send({ jsonrpc: "2.0", method: "notifications/initialized" });
  assertEquals((await host.request("ping", {})).error, undefined);
});
