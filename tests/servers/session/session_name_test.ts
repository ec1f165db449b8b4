/** `sessionName` and `hostSessionId` of the session layer: which session a call without one has. */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import {
  type AuthInfo,
  currentSession,
  type SessionLayerOptions,
} from "../../../servers/base/mod.ts";
import { serving } from "../../support/servers/serving.ts";

type Options = Omit<SessionLayerOptions, "store" | "now">;
/** How a call found its session, and which that is; or the error that it got. */
type Find = (authInfo?: AuthInfo, meta?: Record<string, unknown>) => Promise<string>;

function principal(clientId: string, ...scopes: string[]): AuthInfo {
  return { token: "secret", clientId, scopes };
}
const [alice, bob] = [principal("alice"), principal("bob")];
const ALICE = '[null,"alice",null]';

/** Options whose types nobody has checked. */
const unchecked = (options: object): Options => options;

async function withLayer(
  options: Options,
  test: (find: Find, server: Awaited<ReturnType<typeof serving>>) => Promise<void>,
): Promise<void> {
  const tool = () => {
    const { id, via } = currentSession();
    return Promise.resolve({ content: [], structuredContent: { found: `${via} ${id}` } });
  };
  await using server = await serving(tool, options);
  await test(async (authInfo, meta = {}) => {
    const message = await server.call(null, { authInfo, meta });
    if ("error" in message) {
      return [message.error.code, ...Object.values(Object(message.error.data))].join(" ");
    }
    assert("result" in message);
    return Object(message.result.structuredContent).found;
  }, server);
}

Deno.test("sessionName: a text is a session of each principal's own, and of no anonymous caller", async () => {
  await withLayer({ sessionName: "desk" }, async (find, { store }) => {
    const [ofAlice, ofBob] = [await find(alice), await find(bob)];
    assertNotEquals(ofAlice, ofBob);
    assertEquals([await find(alice), await find(bob)], [ofAlice, ofBob]);
    assertEquals(await find(), "-32002 missing");
    const { id } = await store.get({ owner: ALICE, alias: "name:desk" }) ?? {};
    assertEquals(ofAlice, `name ${id}`);
  });
});

Deno.test("sessionName: a function is asked only of callers who are known, in calls that nothing else binds", async () => {
  const asked: unknown[] = [];
  const sessionName = (principal: AuthInfo | undefined) => {
    asked.push(principal);
    return principal?.scopes[0];
  };
  await withLayer({ sessionName }, async (find, { call }) => {
    const editor = principal("alice", "editor");
    const found = await find(editor);
    assertEquals(await find(editor), found);
    assertNotEquals(await find(principal("alice", "reader")), found);
    assertNotEquals(await find(principal("bob", "editor")), found);
    assertEquals(await find(alice), "-32002 missing");
    assertEquals(asked.length, 5);
    assertEquals(asked.splice(0)[0], editor);
    assertEquals(await find(), "-32002 missing");
    assertEquals((await find(editor, { threadId: "t" })).split(" ")[0], "conversation");
    assertEquals(await find(editor, { threadId: {} }), "-32002 missing");
    await call({ id: "sess-1" }, { authInfo: editor });
    assertEquals(asked, []);
  });
});

Deno.test("sessionName: a function is given undefined for the local user", async () => {
  const sessionName = (principal: AuthInfo | undefined) => principal ? "theirs" : "mine";
  await withLayer({ sessionName, local: true }, async (find, { store }) => {
    const found = await find();
    const { id } = await store.get({ owner: null, alias: "name:mine" }) ?? {};
    assertEquals(found, `name ${id}`);
  });
  const none = { sessionName: () => undefined, hostSessionId: "x", local: true };
  await withLayer(none, async (find) => {
    assertEquals((await find()).split(" ")[0], "environment");
  });
});

Deno.test.each<readonly [what: string, sessionName: () => unknown, told: string]>([
  ["throws", () => assert(false, "no such desk"), "no such desk"],
  ["gives a promise", () => Promise.resolve("desk"), "promise"],
  ["gives a promise that fails", () => Promise.reject(new Error("later")), "promise"],
  ["gives an empty name", () => "", "256 bytes"],
  ["gives a name that is too long", () => "é".repeat(129), "256 bytes"],
  ["gives half a character", () => "\ud800", "256 bytes"],
  ["gives null", () => null, "256 bytes"],
  ["gives a number", () => 7, "256 bytes"],
])(
  "sessionName: a function that %s is an error that costs nobody a session",
  async (_what, sessionName, told) => {
    for (const policy of ["required", "auto", "optional"] as const) {
      const options = unchecked({ sessionName, policy });
      await withLayer(options, async (find, { store, errors }) => {
        assertEquals(await find(alice), "-32603");
        assertEquals(errors.map(({ message }) => message.includes(told)), [true], errors.join());
        assertEquals(await store.list({ owner: ALICE, limit: 9 }), []);
        assertEquals((await find(alice, { threadId: "t" })).split(" ")[0], "conversation");
      });
    }
  },
);

Deno.test("hostSessionId: each variable has aliases of its own, the first one those of a text", async () => {
  const hash = "c26af0e36be6301610f3847e4cb3dc0b1b9203572eb978d1036c818b94bf7c17";
  const cases: [hostSessionId: Options["hostSessionId"], alias: string][] = [
    ["claude-1", `environment:${hash}`],
    [{ variable: "CLAUDE_CODE_SESSION_ID", id: "claude-1" }, `environment:${hash}`],
    [{ variable: "GROK_SESSION_ID", id: "claude-1" }, `environment:GROK_SESSION_ID:${hash}`],
    [{ variable: "MY_OWN", id: "claude-1" }, `environment:MY_OWN:${hash}`],
  ];
  for (const [hostSessionId, alias] of cases) {
    await withLayer({ hostSessionId, local: true }, async (find, { store }) => {
      const found = await find();
      assertEquals(found, `environment ${(await store.get({ owner: null, alias }))?.id}`);
    });
  }
});

Deno.test("sessionLayer: refuses a session's name that is none, and a host's id without local", async () => {
  const layer = (options: object) => withLayer(unchecked(options), () => Promise.resolve());
  for (const hostSessionId of ["host", { variable: "MY_OWN", id: "host" }]) {
    await assertRejects(() => layer({ hostSessionId }), TypeError, "local");
    await layer({ hostSessionId, local: true });
  }
  for (const sessionName of ["", "x".repeat(257), "\ud800", null, 7]) {
    for (const local of [true, false]) {
      await assertRejects(() => layer({ sessionName, local }), TypeError, "sessionName");
    }
  }
});
