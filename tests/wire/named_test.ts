import { assert, assertEquals, assertThrows } from "@std/assert";
import { sessionLayer, StatelessHttpTransport } from "../../servers/base/mod.ts";
import { MemoryStore } from "../../store/mod.ts";
import { startServer } from "../support/server.ts";
import { callerOf } from "./callers.ts";
import { append, call, POLICIES, run, vscode, withFolder } from "./finding.ts";

Deno.test("--session: is one session in all runs of its name, for what nothing else binds", async () => {
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

Deno.test("CLAUDE_CODE_SESSION_ID: is one session for each, and kept as a hash", async () => {
  await withFolder(async (folder) => {
    const store = `file:${folder}/sessions.jsonl`;
    const env = { CLAUDE_CODE_SESSION_ID: "claude-one" };
    await run({ store, env }, async (send) => {
      assertEquals(await append(send, "one"), ["one"]);
      assertEquals((await call(send, "via")).via, "environment");
    });
    await run({ store, env }, async (send) => {
      assertEquals(await append(send, "two"), ["one", "two"]);
    });
    const another = { CLAUDE_CODE_SESSION_ID: "claude-two" };
    await run({ store, env: another }, async (send) => {
      assertEquals(await append(send, "else"), ["else"]);
    });
    const text = await Deno.readTextFile(`${folder}/sessions.jsonl`);
    assert(!text.includes("claude-one"), "the store tells the host's id");
  });
});

Deno.test("CLAUDE_CODE_SESSION_ID: is absent where it may not be read, and over HTTP", async () => {
  const env = { CLAUDE_CODE_SESSION_ID: "claude" };
  await run({ env, permissions: ["--no-prompt"] }, async (send) => {
    assertEquals((await call(send, "via")).refused, "missing");
  });
  await using server = await startServer({ server: POLICIES, transport: "http", env });
  assertEquals(await append(await callerOf(server), ""), { cookie: undefined, refused: "missing" });
});

Deno.test("sessionLayer: refuses a named session that unknown callers would share, or with no name", () => {
  const layer = (options: object) => {
    const transport = new StatelessHttpTransport();
    return sessionLayer(transport, { store: new MemoryStore(), ...options });
  };
  for (const shared of [{ sessionName: "mine" }, { hostSessionId: "host" }]) {
    assertThrows(() => layer(shared), TypeError, "local");
    layer({ ...shared, local: true });
  }
  for (const sessionName of ["", "x".repeat(257), "\ud800"]) {
    assertThrows(() => layer({ sessionName, local: true }), TypeError, "sessionName");
  }
});
