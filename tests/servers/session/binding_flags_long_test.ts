import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { HOST_SESSION_VARIABLES } from "../../../protocol/host_conversations.ts";
import { presenting, startServer } from "../../support/servers/server.ts";
import { callerOf, type Send } from "../../support/servers/callers.ts";
import {
  append,
  call,
  POLICIES,
  run,
  vscode,
  withFolder,
  withTokens,
} from "../../support/servers/bound_calls.ts";

const AUTHENTICATING = new URL("../../fixtures/authenticating.ts", import.meta.url);

Deno.test("--session: is one session in every run, for calls that nothing else binds", async () => {
  await withFolder(async (folder) => {
    const store = `file:${folder}/sessions.jsonl`;
    const env = { CLAUDE_CODE_SESSION_ID: "claude" };
    await run({ store, env, flags: ["--session", "notes"] }, async (send) => {
      assertEquals(await append(send, "one"), ["one"]);
      assertEquals((await call(send, "via")).via, "name");
      assertEquals(await append(send, "of the conversation", vscode("1")), ["of the conversation"]);
    });
    await run({ store, flags: ["--session", "notes", "--bind", "none"] }, async (send) => {
      assertEquals(await append(send, "two", vscode("1")), ["one", "two"]);
      const { sessions } = (await send("session/list", {})).result ?? {};
      assertEquals(sessions?.[0]?.data.title, "notes");
    });
    await run({ store, flags: ["--session", "others"] }, async (send) => {
      assertEquals(await append(send, "else"), ["else"]);
    });
    await run({ store }, async (send) => {
      assertEquals((await call(send, "via")).refused, "missing");
    });
  });
});

Deno.test("HOST_SESSION_VARIABLES: are the variables of the contract, in order", () => {
  assertEquals<readonly string[]>(HOST_SESSION_VARIABLES, [
    "CLAUDE_CODE_SESSION_ID",
    "QWEN_CODE_SESSION_ID",
    "GROK_SESSION_ID",
    "ANTIGRAVITY_CONVERSATION_ID",
  ]);
});

const variable = "GROK_SESSION_ID";

Deno.test("a host's variable: is one session for each id, and kept as a hash", async () => {
  await withFolder(async (folder) => {
    const store = `file:${folder}/sessions.jsonl`;
    const env = { [variable]: "host-id-one" };
    await run({ store, env }, async (send) => {
      assertEquals(await append(send, "one"), ["one"]);
      assertEquals((await call(send, "via")).via, "environment");
    });
    await run({ store, env }, async (send) => {
      assertEquals(await append(send, "two"), ["one", "two"]);
    });
    await run({ store, env: { [variable]: "host-id-two" } }, async (send) => {
      assertEquals(await append(send, "else"), ["else"]);
    });
    const text = await Deno.readTextFile(`${folder}/sessions.jsonl`);
    assert(!text.includes("host-id-one"), "the store reveals the host's id");
  });
});

Deno.test("a host's variable: is absent where it may not be read, and over HTTP", async () => {
  const env = { [variable]: "host-id" };
  // All variables but this one may be read, or none.
  const others = HOST_SESSION_VARIABLES.filter((name) => name !== variable);
  for (const allowed of [[`--allow-env=${others}`], []]) {
    await using server = await startServer({
      server: POLICIES,
      transport: "stdio",
      env,
      permissions: ["--no-prompt", ...allowed],
      flags: ["--log-level", "debug"],
    });
    assertEquals((await server.tool("via", {}, null)).error?.data, { reason: "missing" });
    assertEquals(await server.endInput(), 0);
    assert(!server.stderr.join("\n").includes(variable), "the log names it");
  }
  await using server = await startServer({ server: POLICIES, transport: "http", env });
  const anonymous = await callerOf(server);
  assertEquals(await append(anonymous, ""), { cookie: undefined, refused: "missing" });
});

Deno.test("HOST_SESSION_VARIABLES: each has its own session, and the first that is set counts", async () => {
  await withFolder(async (folder) => {
    const store = `file:${folder}/sessions.jsonl`;
    const all = Object.fromEntries(HOST_SESSION_VARIABLES.map((name) => [name, "same"]));
    const ids: unknown[] = [];
    for (const variable of HOST_SESSION_VARIABLES) {
      const found = async (env: Record<string, string>) => {
        let id: unknown;
        await run({ store, env }, async (send) => {
          id = (await call(send, "via")).session_id;
        });
        return id;
      };
      const id = await found({ [variable]: "same" });
      // Those before it are gone from `all`: one is empty, which is the same.
      assertEquals(await found(all), id, variable);
      ids.push(id);
      all[variable] = "";
    }
    assertEquals(new Set(ids).size, HOST_SESSION_VARIABLES.length);
  });
});

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`--session over HTTP ${flags}: is one session of each principal, and none of an anonymous caller`, async () => {
    await withFolder(async (folder) => {
      const store = `file:${folder}/sessions.jsonl`;
      const all = ["--session", "notes", "--allow-anonymous", ...flags];
      await withTokens(all, async (server) => {
        const [alice, bob] = [await callerOf(server, "a-token"), await callerOf(server, "b-token")];
        assertEquals(await append(alice, "alice's"), ["alice's"]);
        assertEquals(await append(bob, "bob's"), ["bob's"]);
        const found = await call(alice, "via");
        assertEquals([found.via, found.cookie], ["name", found.session_id]);
        assertEquals(await append(alice, "of the conversation", vscode("1")), [
          "of the conversation",
        ]);
        assertEquals((await call(alice, "via", vscode("1"))).via, "conversation");
        assertEquals((await call(alice, "via", { threadId: {} })).refused, "missing");
        const { sessions } = (await alice("session/list", {})).result ?? {};
        assertEquals(sessions?.map(({ data }) => data.title), [
          "notes",
          "conversation by vscode.conversationId",
        ]);
        // Neither the name nor the id of somebody's session leads to it.
        const stolen = presenting({ id: found.session_id })._meta;
        assertEquals((await call(bob, "read", stolen)).refused, "unknown");
        for (const meta of [{}, vscode("1")]) {
          const anybody = await callerOf(server);
          assertEquals((await call(anybody, "read", meta)).refused, "missing");
          assertEquals((await call(anybody, "via_public", meta)).via, null);
          assertEquals((await call(anybody, "via_lazy", meta)).via, "created");
        }
      }, store);
      await withTokens(all, async (server) => {
        const again = await callerOf(server, "a-token");
        assertEquals(await append(again, "more"), ["alice's", "more"]);
      }, store);
      // The local user is another one.
      await run({ store, flags: ["--session", "notes"] }, async (send) => {
        assertEquals(await append(send, "mine"), ["mine"]);
      });
    });
  });
}

Deno.test("--session over HTTP: works with a server's own authenticate()", async () => {
  const flags = ["--session", "notes"];
  await using server = await startServer({ server: AUTHENTICATING, transport: "http", flags });
  const [alice, bob] = [await callerOf(server, "alice"), await callerOf(server, "bob")];
  const idOf = async (send: Send) => (await call(send, "whoami")).session_id;
  const id = await idOf(alice);
  assertEquals(await idOf(alice), id);
  assertNotEquals(await idOf(bob), id);
});
