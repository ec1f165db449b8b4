/** A call counts if its tool ran. Other calls renew their session too. */

import { assert, assertEquals } from "@std/assert";
import { currentSession, optionalSession } from "../../../servers/base/mod.ts";
import { NOW, serving } from "../../support/servers/serving.ts";
import { callerOf } from "../../support/servers/callers.ts";
import { callRequest, type Reply, startServer, TRANSPORTS } from "../../support/servers/server.ts";

type Call = (name: string, args?: object, meta?: object) => Promise<Reply["result"]>;

/** Holds that of these calls only one `echo` counts, and the `whoami` that asks. */
async function assertTwo(call: Call, about: string): Promise<void> {
  assertEquals((await call("echo", { text: "hello" }))?.content[0]?.text, "hello", about);
  for (const args of [{ text: 7 }, {}]) assertEquals((await call("echo", args))?.isError, true);
  assertEquals((await call("no_such_tool"))?.isError, true);
  assertEquals((await call("whoami"))?.structuredContent.tool_calls, 2, about);
}

for (const transport of TRANSPORTS) {
  Deno.test(`tool_calls over ${transport}: counts no call whose tool did not run`, async () => {
    const flags = ["--handles"];
    await using server = await startServer({ server: "session_required", transport, flags });
    const byCookie = await server.create();
    await assertTwo((name, args) => server.toolResult(name, args, byCookie), "cookie");
    const { id: session } = await server.create();
    await assertTwo((name, args) => server.toolResult(name, { ...args, session }), "handle");
  });
}

Deno.test("tool_calls over --stateful: counts no call whose tool did not run", async () => {
  const flags = ["--stateful"];
  await using server = await startServer({ server: "session_required", transport: "http", flags });
  const send = await callerOf(server);
  const { id } = (await send("session/create", {})).result ?? {};
  const _meta = { "mcp/session": { id } };
  await assertTwo(
    async (name, args = {}) => (await send("tools/call", { name, arguments: args, _meta })).result,
    "stateful",
  );
});

Deno.test("tool_calls of a bound session: counts no call whose tool did not run", async () => {
  const flags = ["--bind", "conversation"];
  await using server = await startServer({ server: "session_required", transport: "stdio", flags });
  const call: Call = (name, args = {}) =>
    server.result("tools/call", { name, arguments: args, _meta: { threadId: "one" } });
  assertEquals((await call("echo", {}))?._meta, undefined, "nothing is left behind");
  assertEquals((await server.result("session/list")).sessions, []);
  await assertTwo(call, "conversation");
});

Deno.test("hashcheck_verify: counts a call whose text it refuses", async () => {
  await using server = await startServer({ server: "hashcheck", transport: "stdio" });
  const args = { key: "a", text: "\ud800" };
  const call = callRequest("hashcheck_verify", args, "x", { threadId: "one" });
  const made = await server.send(call, "x");
  assertEquals(made.result?.isError, true);
  assert(made.result?._meta?.["mcp/session"], "its session was made");
});

const fails = () => Promise.reject(new Error("It failed"));
const succeeds = () => Promise.resolve({ content: [] });

Deno.test.each<readonly [what: string, counted: number, tool: () => Promise<object>]>([
  ["fails and never asked for its session", 0, fails],
  ["succeeds and never asked for its session", 1, succeeds],
  ["asked for its session and fails", 1, async () => (currentSession(), await fails())],
  ["asked whether there is one and fails", 1, async () => (optionalSession(), await fails())],
  ["asked for its session and succeeds", 1, async () => (currentSession(), await succeeds())],
  ["wrote and fails", 1, async () => (await currentSession().set("a", 1), await fails())],
  ["read and fails", 1, async () => (await currentSession().get("a"), await fails())],
  ["was counted and fails", 1, async () => (await currentSession().count(), await fails())],
])("sessionLayer: a call whose tool %s counts %i times", async (_what, counted, tool) => {
  for (const policy of ["required", "auto", "optional"] as const) {
    await using server = await serving(tool, { policy });
    await server.call();
    assertEquals(await server.calls(), counted, policy);
  }
});

Deno.test("sessionLayer: a call that does not count renews its session", async () => {
  await using server = await serving(fails);
  server.clock.now += 30_000;
  await server.call();
  const session = await server.store.get("sess-1");
  assertEquals([session?.toolCalls, session?.expiresAt], [0, NOW + 90_000]);
});

Deno.test("sessionLayer: a renewal during a call does not count it", async () => {
  for (const [end, counted] of [[fails, 0], [succeeds, 1]] as const) {
    const gate = Promise.withResolvers<void>();
    const tool = async () => {
      await gate.promise;
      return await end();
    };
    // The clock stands still, so that nothing expires while a renewal is waited for.
    await using server = await serving(tool, { ttlMs: 30 });
    const answer = server.call();
    // The layer's own timer keeps no process alive.
    const alive = setInterval(() => {}, 1000);
    await server.written(2);
    clearInterval(alive);
    gate.resolve();
    await answer;
    assertEquals(await server.calls(), counted);
  }
});

Deno.test("sessionLayer: concurrent calls count if their tools ran", async () => {
  let number = 0;
  const tool = async () => {
    if (number++ % 2 === 0) return await fails();
    return { content: [], structuredContent: { number: await currentSession().count() } };
  };
  await using server = await serving(tool);
  await Promise.all(Array.from({ length: 20 }, () => server.call()));
  assertEquals(await server.calls(), 10);
});

Deno.test("sessionLayer: a call that failed before its tool ran leaves no lazy session behind", async () => {
  for (const policy of ["auto", "optional"] as const) {
    await using server = await serving(fails, { policy });
    await server.store.delete("sess-1");
    await server.call(null);
    assertEquals(await server.store.list({ owner: null, limit: 9 }), []);
  }
});

Deno.test("sessionLayer: a cancelled call counts if its tool had written, and not after", async () => {
  const gate = Promise.withResolvers<void>();
  const steps = [fails, async () => void await currentSession().set("a", 1)];
  for (const [counted, step] of steps.entries()) {
    const done = Promise.withResolvers<void>();
    const tool = async () => {
      await step().catch(() => {});
      done.resolve();
      await gate.promise;
      return await fails();
    };
    await using server = await serving(tool);
    void server.call();
    await done.promise;
    server.cancel();
    gate.resolve();
    assertEquals(await server.calls(), counted);
  }
});
