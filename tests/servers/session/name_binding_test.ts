/** `sessionName` of the session layer: the session of a call that presents none. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  type AuthInfo,
  currentSession,
  type SessionLayerOptions,
} from "../../../servers/base/mod.ts";
import { serving } from "../../support/servers/serving.ts";

type Options = Omit<SessionLayerOptions, "store" | "now">;
/** Gives `via` and id of a call's session, or the call's error. */
type Find = (authInfo?: AuthInfo, meta?: Record<string, unknown>) => Promise<string>;

function principal(clientId: string, ...scopes: string[]): AuthInfo {
  return { token: "secret", clientId, scopes };
}
const [alice, bob] = [principal("alice"), principal("bob")];
const ALICE = '[null,"alice",null]';

/** Options that are not type-checked. */
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

Deno.test("sessionName: a text names a session of each principal, and none of an anonymous caller", async () => {
  await withLayer({ sessionName: "desk" }, async (find, { store }) => {
    const [ofAlice, ofBob] = [await find(alice), await find(bob)];
    assertNotEquals(ofAlice, ofBob);
    assertEquals([await find(alice), await find(bob)], [ofAlice, ofBob]);
    assertEquals(await find(), "-32002 missing");
    const { id } = await store.get({ owner: ALICE, alias: "name:desk" }) ?? {};
    assertEquals(ofAlice, `name ${id}`);
  });
});

Deno.test("sessionName: a function runs for known callers alone, in calls that nothing else binds", async () => {
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

Deno.test("sessionName: a function gets undefined for the local user", async () => {
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
  "sessionName: a function that %s is an error that costs no session",
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
