import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { presenting, TRANSPORTS } from "../../support/servers/server.ts";
import { callerOf, type Send } from "../../support/servers/callers.ts";
import {
  append,
  call,
  lengthOfList,
  run,
  vscode,
  withFolder,
  withTokens,
} from "../../support/servers/bound_calls.ts";

/** The `_meta` of each host for a conversation. */
const HOSTS: Readonly<Record<string, (id: string) => Record<string, unknown>>> = {
  "VS Code": vscode,
  "Codex": (id) => ({ threadId: id }),
  "Codex in a turn": (id) => ({ "x-codex-turn-metadata": JSON.stringify({ session_id: id }) }),
  "Codex in a turn's object": (id) => ({ "x-codex-turn-metadata": { session_id: id } }),
  "ChatGPT": (id) => ({ "openai/session": id }),
  "OpenCode": (id) => ({ "ai.opencode/sessionID": id }),
  "goose": (id) => ({ "agent-session-id": id }),
  "Antigravity": (id) => ({ "antigravity.google/conversation_id": id }),
  "ZCode": (id) => ({ "com.zcode/request-context": { session_id: id, turn: 1 } }),
};

Deno.test("a conversation: has one session, found again after a kill -9, and kept as a hash", async () => {
  await withFolder(async (folder) => {
    const store = `file:${folder}/sessions.jsonl`;
    let id: unknown;
    await run({ store }, async (send) => {
      assertEquals(await append(send, "one", vscode("first")), ["one"]);
      assertEquals(await append(send, "two", vscode("first")), ["one", "two"]);
      assertEquals(await append(send, "other", vscode("second")), ["other"]);
      const found = await call(send, "via", vscode("first"));
      assertEquals([found.cookie, found.via], [found.session_id, "conversation"]);
      id = found.session_id;
    });
    await run({ store }, async (send) => {
      assertEquals(await append(send, "three", vscode("first")), ["one", "two", "three"]);
      assertEquals((await call(send, "via", vscode("first"))).session_id, id);
    });
    const text = await Deno.readTextFile(`${folder}/sessions.jsonl`);
    assert(!text.includes("first"), "the store reveals a conversation's id");
  });
});

Deno.test("conversations of two hosts with one id: are two sessions, each found again", async () => {
  await run({}, async (send) => {
    const ids = new Set<unknown>();
    for (const [host, meta] of Object.entries(HOSTS)) {
      const { session_id, via } = await call(send, "via", meta("same"));
      assertEquals(via, "conversation", host);
      assertEquals((await call(send, "via", meta("same"))).session_id, session_id, host);
      ids.add(session_id);
    }
    // The two forms of Codex's turn are one key.
    assertEquals(ids.size, Object.keys(HOSTS).length - 1);
  });
});

Deno.test("a conversation: has a session under every policy, lazy until a tool uses it", async () => {
  await run({}, async (send) => {
    const sessions = async () => (await send("session/list", {})).result?.sessions.length;
    assertEquals((await call(send, "lazy_unused", vscode("none"))).cookie, undefined);
    assertEquals((await call(send, "no_such_tool", vscode("none"))).cookie, undefined);
    assertEquals(await sessions(), 0);
    const ids = new Set<unknown>();
    for (const tool of ["via", "via_lazy", "via_public"]) {
      const { session_id, via, cookie } = await call(send, tool, vscode("one"));
      assertEquals([cookie, via], [session_id, "conversation"]);
      ids.add(session_id);
    }
    assertEquals([ids.size, await sessions()], [1, 1]);
    assertEquals((await call(send, "count", vscode("one"))).calls, 4);
  });
});

Deno.test("a conversation's session: names the host's key, and lives as long as any", async () => {
  await run({}, async (send) => {
    await append(send, "x", vscode("secret-id"));
    const [cookie] = (await send("session/list", {})).result?.sessions ?? [];
    assert(cookie);
    assertEquals(cookie.data.title, "conversation by vscode.conversationId");
    assertEquals(cookie.data.reason, "host/conversation");
    assert(Date.parse(cookie.expiry) > Date.now() + 6 * 86_400_000);
  });
});

Deno.test("concurrent first calls of a conversation: make one session", async () => {
  await run({}, async (send) => {
    const [shown] = await Promise.all([
      Promise.all(Array.from({ length: 20 }, () => call(send, "via", vscode("one")))),
      Promise.all(Array.from({ length: 20 }, (_, i) => append(send, `${i}`, vscode("one")))),
    ]);
    assertEquals(new Set(shown.flatMap(({ session_id, cookie }) => [session_id, cookie])).size, 1);
    assertEquals((await send("session/list", {})).result?.sessions.length, 1);
    assertEquals(await lengthOfList(send, vscode("one")), 20);
    assertEquals((await call(send, "count", vscode("one"))).calls, 42);
  });
});

Deno.test("two connections of a principal with --stateful: share the session of a conversation", async () => {
  await withTokens(["--stateful"], async (server) => {
    const [one, two] = [await callerOf(server, "a-token"), await callerOf(server, "a-token")];
    const holding = call(one, "hold_shown", vscode("one"));
    await call(two, "held");
    const { session_id } = await call(two, "via", vscode("one"));
    await call(two, "release");
    const held = await holding;
    assertEquals([held.session_id, held.cookie], [session_id, session_id]);
  });
});

Deno.test("two servers on one file: share the session of a conversation that calls both at once", async () => {
  await withFolder(async (folder) => {
    const store = `file:${folder}/sessions.jsonl`;
    await run({ store }, (one) =>
      run({ store }, async (two) => {
        await Promise.all(
          [one, two, one, two].map((send, i) => append(send, `${i}`, vscode("shared"))),
        );
        assertEquals((await one("session/list", {})).result?.sessions.length, 1);
        assertEquals(await lengthOfList(two, vscode("shared")), 4);
        assertEquals((await call(one, "count", vscode("shared"))).calls, 6);
      }));
  });
});

Deno.test("a conversation: keeps the session that a tool has replaced its own by", async () => {
  await run({}, async (send) => {
    const read = () => call(send, "read", vscode("one"));
    await append(send, "before", vscode("one"));
    const first = (await read()).cookie;
    const regenerated = await call(send, "regenerate", vscode("one"));
    assertEquals([regenerated.before, regenerated.cookie], [first, regenerated.after]);
    assertEquals((await read()).list, ["before"]);
    const replaced = (await call(send, "replace_twice", vscode("one"))).session_id;
    assertNotEquals(replaced, regenerated.after);
    assertEquals(await read(), { list: [], cookie: replaced, refused: undefined });
    assertEquals((await send("session/list", {})).result?.sessions.length, 1);
    await call(send, "revoke_then_write", vscode("one"));
    assertEquals((await send("session/list", {})).result?.sessions.length, 0);
    assertNotEquals((await read()).cookie, replaced);
  });
});

Deno.test("an expired conversation: gets a new, empty session", async () => {
  await run({ flags: ["--ttl", "1s"] }, async (send) => {
    const ended = (await call(send, "via", vscode("one"))).session_id;
    assertEquals(await append(send, "old", vscode("one")), ["old"]);
    while ((await send("session/list", {})).result?.sessions.length !== 0) { /* still alive */ }
    assertEquals(await append(send, "new", vscode("one")), ["new"]);
    assertNotEquals((await call(send, "via", vscode("one"))).session_id, ended);
  });
});

for (const transport of TRANSPORTS) {
  Deno.test(`an explicit cookie over ${transport}: wins, even a dead or malformed one`, async () => {
    await withTokens([], async (http) => {
      const over = async (send: Send) => {
        await append(send, "implicit", vscode("one"));
        const { id } = (await send("session/create", {})).result ?? {};
        const both = (cookie: unknown) => ({ ...vscode("one"), ...presenting(cookie)._meta });
        assertEquals(await append(send, "explicit", both({ id })), ["explicit"]);
        assertEquals((await call(send, "via", both({ id }))).via, "cookie");
        for (
          const [cookie, reason] of [[{ id: "sess-dead" }, "unknown"], [7, "malformed"]] as const
        ) {
          assertEquals((await call(send, "via", both(cookie))).refused, reason);
          assertEquals((await call(send, "via_public", both(cookie))).via, null);
          assertEquals((await call(send, "via_lazy", both(cookie))).via, "created");
        }
        assertEquals((await call(send, "read", vscode("one"))).list, ["implicit"]);
      };
      if (transport === "stdio") await run({}, over);
      else await over(await callerOf(http, "a-token"));
    });
  });
}

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`an anonymous caller over HTTP ${flags}: has no session by conversation`, async () => {
    await withTokens(["--allow-anonymous", ...flags], async (server) => {
      const [alice, anybody] = [await callerOf(server, "a-token"), await callerOf(server)];
      assertEquals(await append(alice, "alice's", vscode("one")), ["alice's"]);
      assertEquals((await call(anybody, "read", vscode("one"))).refused, "missing");
      assertEquals((await call(anybody, "via_public", vscode("one"))).via, null);
      const lazy = await Promise.all([1, 2].map(() => call(anybody, "via_lazy", vscode("one"))));
      assertEquals(lazy.map(({ via }) => via), ["created", "created"]);
      assertNotEquals(lazy[0]?.session_id, lazy[1]?.session_id);
    });
  });
}

Deno.test("two principals with one conversation id: have a session each", async () => {
  await withTokens([], async (server) => {
    const [alice, bob] = [await callerOf(server, "a-token"), await callerOf(server, "b-token")];
    assertEquals(await append(alice, "alice's", vscode("one")), ["alice's"]);
    assertEquals(await append(bob, "bob's", vscode("one")), ["bob's"]);
    assertEquals(await append(alice, "more", vscode("one")), ["alice's", "more"]);
    const { session_id } = await call(alice, "via", vscode("one"));
    const stolen = { ...vscode("one"), ...presenting({ id: session_id })._meta };
    assertEquals((await call(bob, "read", stolen)).refused, "unknown");
  });
});

Deno.test("conversation ids: of any length, and numbers, are told apart", async () => {
  const ids = [["a", 1, "\ud800"], ["b", 2, "\udfff"]].flatMap(([text, number, half]) => [
    vscode(`${text}`.padStart(100_000)),
    { threadId: number },
    { threadId: half },
  ]);
  await run({}, async (send) => {
    const calls = await Array.fromAsync([...ids, ...ids], (meta) => call(send, "via", meta));
    assertEquals(new Set(calls.map(({ session_id }) => session_id)).size, ids.length);
  });
});

Deno.test("session_required: binds nothing without a flag", async () => {
  const server = "session_required";
  const env = { CLAUDE_CODE_SESSION_ID: "claude" };
  await run({ server, env }, async (send) => {
    assertEquals((await call(send, "whoami", vscode("one"))).refused, "missing");
  });
  await run({ server, flags: ["--bind", "conversation"] }, async (send) => {
    assertEquals((await call(send, "whoami", vscode("one"))).tool_calls, 1);
    assertEquals((await call(send, "whoami")).refused, "missing");
  });
  await run({ server, flags: ["--session", "mine"] }, async (send) => {
    assertEquals((await call(send, "whoami")).tool_calls, 1);
    assertEquals((await call(send, "whoami", vscode("one"))).tool_calls, 2);
  });
});

Deno.test("--bind: selects what binds a call", async () => {
  const env = { CLAUDE_CODE_SESSION_ID: "claude" };
  const cases: [bind: string, withConversation: string | null, without: string | null][] = [
    ["all", "conversation", "environment"],
    ["none", null, null],
    ["conversation", "conversation", null],
    ["environment", "environment", "environment"],
    ["conversation,environment", "conversation", "environment"],
  ];
  for (const [bind, withConversation, without] of cases) {
    await run({ env, flags: ["--bind", bind] }, async (send) => {
      assertEquals((await call(send, "via_public", vscode("one"))).via, withConversation, bind);
      assertEquals((await call(send, "via_public")).via, without, bind);
    });
  }
});

Deno.test("--conversation-key: adds a key of conversations", async () => {
  const flags = ["--conversation-key", "example.com/chat", "--conversation-key", "room"];
  await run({ flags }, async (send) => {
    for (const key of ["example.com/chat", "room"]) {
      assertEquals(await append(send, "one", { [key]: "7" }), ["one"]);
      assertEquals(await append(send, "two", { [key]: "7" }), ["one", "two"]);
    }
    assertEquals(await append(send, "one", vscode("7")), ["one"]);
  });
});
