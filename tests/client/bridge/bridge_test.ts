/**
 * The bridge in front of each server, for a host that tells its conversations.
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { sessionOf, tellsOfReset, withBehind } from "../../support/bridge/bridged_servers.ts";
import { BridgeHost, conversation } from "../../support/bridge/host.ts";
import { TRANSPORTS } from "../../support/servers/server.ts";

const A = conversation("a");

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

withBehind(
  "finds a session by the conversation of each host",
  "notebook",
  "stdio",
  async (it, folder) => {
    const flags = ["--conversation-key", "com.example/chat"];
    await using host = await BridgeHost.connect(folder, [...flags, ...it.args]);
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
  },
);

withBehind("makes one session for concurrent calls", "notebook", "http", async (it, folder) => {
  await using host = await BridgeHost.connect(folder, it.args);
  const texts = Array.from({ length: 8 }, (_, i) => `${i}`);
  const made = await Promise.all(
    texts.map(async (text) =>
      sessionOf(await host.tool("notebook_append", { text }, conversation("a")))
    ),
  );
  assertEquals(new Set(made).size, 1);
  assertEquals((await it.sessions()).length, 1);
});

withBehind("a list makes no session", "notebook", "stdio", async (it, folder) => {
  await using host = await BridgeHost.connect(folder, ["--per-process", ...it.args]);
  assertEquals((await host.result("tools/list")).tools.length, 4);
  assertEquals(await it.sessions(), []);
});

withBehind(
  "with --per-process, a session without a conversation ends with its bridge",
  "notebook",
  "http",
  async (it, folder) => {
    const args = ["--per-process", ...it.args];
    await using host = await BridgeHost.connect(folder, args);
    const session = sessionOf(await host.tool("notebook_append", { text: "one" }));
    assertEquals(sessionOf(await host.tool("notebook_read")), session);
    assertEquals(await it.sessions(), [session]);
    await using other = await BridgeHost.connect(folder, args);
    assertNotEquals(sessionOf(await other.tool("notebook_read")), session);
    assertEquals(
      sessionOf(await host.tool("notebook_read", {}, A)),
      sessionOf(
        await other.tool("notebook_read", {}, A),
      ),
    );
    assertEquals([await host.endInput(), await other.stop("SIGTERM")], [0, 0]);
    assertEquals((await it.sessions()).length, 1, "a conversation's is found again");
  },
);

withBehind("--session names one session for everything", "notebook", "http", async (it, folder) => {
  const args = ["--session", "work", ...it.args];
  let session: string;
  {
    await using host = await BridgeHost.connect(folder, args);
    session = sessionOf(await host.tool("notebook_append", { text: "1" }, conversation("a")));
    assertEquals(sessionOf(await host.tool("notebook_read", {}, conversation("b"))), session);
    await host.stop("SIGKILL");
  }
  await using host = await BridgeHost.connect(folder, args);
  assertEquals(sessionOf(await host.tool("notebook_read")), session);
  assertEquals(await host.endInput(), 0);
  await using other = await BridgeHost.connect(folder, ["--session", "play", ...it.args]);
  assertNotEquals(sessionOf(await other.tool("notebook_read")), session);
  assertEquals((await it.sessions()).length, 2);
});

for (const way of TRANSPORTS) {
  withBehind("tells the model once of a lost session", "notebook", way, async (it, folder) => {
    const a = conversation("a");
    await using host = await BridgeHost.connect(folder, it.args);
    const gone = sessionOf(await host.tool("notebook_append", { text: "one" }, a));
    const other = sessionOf(await host.tool("notebook_append", { text: "b" }, conversation("b")));
    await it.end(gone);
    const results = await host.toolAtOnce(8, "notebook_append", { text: "new" }, a);
    assertEquals(new Set(results.map(sessionOf)).size, 1);
    assert(results.every(tellsOfReset));
    const read = await host.tool("notebook_read", {}, a);
    assert(!tellsOfReset(read));
    // Each refused call ran once.
    assertEquals(read.structuredContent.count, 8);
    assertEquals(new Set(await it.sessions()), new Set([other, sessionOf(read)]));
    assert(!tellsOfReset(await host.tool("notebook_read", {}, conversation("b"))));
  });

  withBehind(
    "tells the model of a session lost between processes",
    "notebook",
    way,
    async (it, folder) => {
      const args = ["--session", "work", ...it.args];
      let gone: string;
      {
        await using host = await BridgeHost.connect(folder, args);
        gone = sessionOf(await host.tool("notebook_append", { text: "one" }));
        await host.endInput();
      }
      await it.end(gone);
      await using host = await BridgeHost.connect(folder, args);
      const read = await host.tool("notebook_read");
      assertNotEquals(sessionOf(read), gone);
      assert(tellsOfReset(read));
      assert(!tellsOfReset(await host.tool("notebook_read")));
    },
  );
}

withBehind(
  "tells of a session that the server replaced by itself",
  "session",
  "http",
  async (it, folder) => {
    await using host = await BridgeHost.connect(folder, ["--per-process", ...it.args]);
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
  },
);

withBehind(
  "two bridges share a named session, also after its loss",
  "notebook",
  "http",
  async (it, folder) => {
    const args = ["--session", "work", ...it.args];
    await using one = await BridgeHost.connect(folder, args);
    await using two = await BridgeHost.connect(folder, args);
    const gone = sessionOf(await one.tool("notebook_append", { text: "1" }));
    assertEquals(sessionOf(await two.tool("notebook_read")), gone);
    await it.end(gone);
    const next = await one.tool("notebook_append", { text: "2" });
    const read = await two.tool("notebook_read");
    assertEquals([sessionOf(read), read.structuredContent.count], [sessionOf(next), 1]);
    assert(tellsOfReset(next) && tellsOfReset(read));
  },
);

withBehind("leaves a caller's own cookie alone", "notebook", "stdio", async (it, folder) => {
  await using host = await BridgeHost.connect(folder, ["--per-process", ...it.args]);
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

withBehind(
  "concurrent bridges with one name have one session",
  "notebook",
  "http",
  async (it, folder) => {
    const args = ["--session", "new", ...it.args];
    const hosts = await Promise.all(
      Array.from({ length: 4 }, () => BridgeHost.connect(folder, args)),
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
  },
);
