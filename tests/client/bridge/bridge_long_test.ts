/** The bridge in front of each server, for a host that tells its conversations. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { BridgedServer, sessionOf, tellsOfReset } from "../../support/bridge/bridged_servers.ts";
import { type BridgeHost, conversation } from "../../support/bridge/host.ts";
import { CALLS } from "../../support/bridge/model.ts";
import { SERVERS, TRANSPORTS } from "../../support/servers/server.ts";

for (const server of SERVERS) {
  for (const way of TRANSPORTS) {
    const { keep, show } = CALLS[server];
    /** The text that a conversation keeps, and its session. */
    const shown = async (host: BridgeHost, meta: unknown) => {
      const result = await host.tool(...show, meta);
      return [result.content[0]?.text, sessionOf(result)];
    };
    Deno.test(`bridge: a conversation keeps its session over kill -9 (${server}, ${way})`, async () => {
      await using it = await BridgedServer.start(server, way);
      const [a, b] = [conversation("a"), conversation("b")];
      let session: string | undefined;
      {
        await using host = await it.connect();
        await host.tool(...keep("one"), a);
        await host.tool(...keep("two"), b);
        [, session] = await shown(host, a);
        await it.kill();
        await it.startAgain();
        await host.reconnected();
        assertEquals((await shown(host, a))[1], session);
        await host.stop("SIGKILL");
      }
      await using host = await it.connect();
      const [ofA, inA] = await shown(host, a);
      const [ofB, inB] = await shown(host, b);
      assertEquals(inA, session);
      assertNotEquals(inB, session);
      if (server === "notebook") assertEquals([ofA, ofB], ["1. one", "1. two"]);
      if (server === "hashcheck") assertNotEquals(ofA, ofB);
      assertEquals((await it.sessions()).length, 2);
      assertEquals(await host.endInput(), 0);
      assertEquals((await it.sessions()).length, 2);
    });
  }
}

const KEYS: readonly [host: string, meta: (id: string) => Record<string, unknown>][] = [
  ["VS Code", (id) => ({ "vscode.conversationId": id, "vscode.requestId": "r" })],
  ["Codex", (id) => ({ threadId: id })],
  ["Codex's turn", (id) => ({ "x-codex-turn-metadata": { session_id: id, turn_id: "t" } })],
  ["Codex's turn in text", (id) => ({
    "x-codex-turn-metadata": JSON.stringify({ session_id: id, turn_id: "t" }),
  })],
  ["ChatGPT", (id) => ({ "openai/session": id, "openai/locale": "de" })],
  ["OpenCode", (id) => ({ "ai.opencode/sessionID": id })],
  ["goose", (id) => ({ "agent-session-id": id })],
  ["Antigravity", (id) => ({ "antigravity.google/conversation_id": id })],
  ["ZCode", (id) => ({ "com.zcode/request-context": { session_id: id } })],
  ["a number", (id) => ({ threadId: id === "one" ? 1 : 2 })],
  ["a long id", (id) => ({ "openai/session": id.padStart(100_000) })],
  ["--conversation-key", (id) => ({ "com.example/chat": id })],
];

Deno.test("bridge: finds a session by the conversation of each host", async () => {
  await using it = await BridgedServer.start("notebook", "stdio");
  const flags = ["--conversation-key", "com.example/chat"];
  await using host = await it.connect(...flags);
  const seen = new Set<string>();
  for (const [name, meta] of KEYS) {
    const append = async (id: string) =>
      sessionOf(await host.tool("notebook_append", { text: name }, meta(id)));
    const [one, two] = [await append("one"), await append("two")];
    assertEquals(await append("one"), one, name);
    seen.add(one).add(two);
  }
  // Both forms of Codex's turn have one key.
  assertEquals(seen.size, 2 * KEYS.length - 2);
});

Deno.test("bridge: a list makes no session", async () => {
  await using it = await BridgedServer.start("notebook", "stdio");
  await using host = await it.connect("--per-process");
  assertEquals((await host.result("tools/list")).tools.length, 4);
  assertEquals(await it.sessions(), []);
});

for (const way of TRANSPORTS) {
  Deno.test(`bridge: tells the model of a session lost between processes (${way})`, async () => {
    await using it = await BridgedServer.start("notebook", way);
    const connect = () => it.connect("--session", "work");
    let gone: string;
    {
      await using host = await connect();
      gone = sessionOf(await host.tool("notebook_append", { text: "one" }));
      await host.endInput();
    }
    await it.end(gone);
    await using host = await connect();
    const read = await host.tool("notebook_read");
    assertNotEquals(sessionOf(read), gone);
    assert(tellsOfReset(read));
    assert(!tellsOfReset(await host.tool("notebook_read")));
  });
}

Deno.test("bridge: tells of a session that the server replaced by itself", async () => {
  await using it = await BridgedServer.start("session", "http");
  await using host = await it.connect("--per-process");
  const gone = sessionOf(await host.tool("session_probe"));
  await it.end(gone);
  const next = await host.tool("session_probe");
  assertNotEquals(sessionOf({ ...next, content: [] }), gone);
  assert(tellsOfReset(next));
  const rotated = await host.tool("session_probe", { action: "new" });
  assert(!tellsOfReset(rotated));
  const after = await host.tool("session_probe");
  assert(!tellsOfReset(after));
  assertEquals(sessionOf(after), sessionOf(rotated));
  assert(!tellsOfReset(await host.tool("session_probe", { action: "revoke" })));
  assert(tellsOfReset(await host.tool("session_probe")));
});

Deno.test("bridge: leaves a caller's own cookie alone", async () => {
  await using it = await BridgedServer.start("notebook", "stdio");
  await using host = await it.connect("--per-process");
  const own = await host.result("session/create");
  const _meta = { "mcp/session": { id: own.id } };
  const appended = await host.tool("notebook_append", { text: "own" }, _meta);
  assertEquals([sessionOf(appended), appended._meta?.["mcp/session"]?.id], [own.id, own.id]);
  assertNotEquals(sessionOf(await host.tool("notebook_read")), own.id);
  const { error } = await host.call("notebook_read", {}, { "mcp/session": { id: "sess-none" } });
  assertEquals([error?.code, error?.data?.reason], [-32002, "unknown"]);
  const none = await host.call("notebook_read", {}, { "mcp/session": null });
  assertEquals(none.error?.data?.reason, "missing");
});

Deno.test("bridge: concurrent bridges with one name have one session", async () => {
  await using it = await BridgedServer.start("notebook", "http");
  const connect = () => it.connect("--session", "new");
  const hosts = await Promise.all(
    Array.from({ length: 4 }, () => connect()),
  );
  try {
    const append = (host: BridgeHost) => host.tool("notebook_append", { text: "x" });
    const made = (await Promise.all(hosts.map(append))).map(sessionOf);
    assertEquals(new Set(made).size, 1);
    assertEquals((await it.sessions()).length, 1);
    const [host] = hosts;
    assertEquals((await host!.tool("notebook_read")).structuredContent.count, 4);
  } finally {
    for (const host of hosts) await host[Symbol.asyncDispose]();
  }
});
