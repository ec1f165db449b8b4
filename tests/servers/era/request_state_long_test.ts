/** Request states at several processes: on one store, under keys that rotate, and all at the same time. */

import { assertEquals, assertMatch } from "@std/assert";
import {
  accepted,
  assertRefused,
  ModernCaller,
  startAsking,
  textOf,
} from "../../support/servers/round_trips.ts";
import { startServer } from "../../support/servers/server.ts";
import { tokensFile } from "../../support/servers/tokens.ts";
import { tempFolder } from "../../support/temp_folder.ts";

const ANSWER = { user_name: accepted("Ann") };

const PAIRS = [["stdio", "stdio"], ["stdio", "http"], ["http", "stdio"], ["http", "http"]] as const;

for (const kind of ["file", "kv"]) {
  for (const [first, second] of PAIRS) {
    Deno.test(`requestState on ${kind}: from ${first} it goes on over ${second}, once`, async () => {
      await using folder = await tempFolder();
      const store = `${kind}:${folder.path}/store`;
      await using one = await startAsking({ transport: first, store });
      await using other = await startAsking({ transport: second, store });
      const { requestState } = await new ModernCaller(one).asked("greet");
      const retry = { inputResponses: ANSWER, requestState };
      const result = await new ModernCaller(other).done("greet", retry);
      assertEquals([textOf(result), result.structuredContent], ["Hello, Ann!", { runs: 1 }]);
      for (const server of [one, other]) {
        assertRefused(await new ModernCaller(server).call("greet", retry));
      }
    });
  }

  Deno.test(`requestState on ${kind}: of replays at the same time in two processes, one runs`, async () => {
    await using folder = await tempFolder();
    const store = `${kind}:${folder.path}/store`;
    await using one = await startAsking({ transport: "http", store });
    await using other = await startAsking({ transport: "http", store });
    const clients = [one, other].map((server) => new ModernCaller(server));
    for (let round = 0; round < 5; round++) {
      const { requestState } = await clients[round % 2]!.asked("greet");
      const retry = { inputResponses: ANSWER, requestState };
      const replies = await Promise.all(
        Array.from({ length: 12 }, (_, i) => clients[i % 2]!.call("greet", retry)),
      );
      assertEquals(replies.filter(({ result }) => result !== undefined).length, 1);
      for (const reply of replies) if (reply.result === undefined) assertRefused(reply);
    }
  });
}

Deno.test("requestState: it goes on after the process was killed", async () => {
  await using folder = await tempFolder();
  const store = `file:${folder.path}/store`;
  await using killed = await startAsking({ transport: "stdio", store });
  const { requestState } = await new ModernCaller(killed).asked("greet");
  await killed.stop("SIGKILL");
  await using server = await startAsking({ transport: "stdio", store });
  const retry = { inputResponses: ANSWER, requestState };
  assertEquals(textOf(await new ModernCaller(server).done("greet", retry)), "Hello, Ann!");
});

Deno.test("requestState: another store, without keys, does not know it", async () => {
  await using one = await startAsking({ transport: "stdio" });
  await using other = await startAsking({ transport: "stdio" });
  const { requestState } = await new ModernCaller(one).asked("greet");
  const retry = { inputResponses: ANSWER, requestState };
  assertRefused(await new ModernCaller(other).call("greet", retry));
});

Deno.test("requestState: another principal's is refused, and nobody's too", async () => {
  await using tokens = await tokensFile({ "a-token": "alice", "b-token": "bob" });
  const flags = [...tokens.flags, "--allow-anonymous"];
  await using server = await startAsking({ transport: "http", flags });
  const alice = new ModernCaller(server, { token: "a-token" });
  const { requestState } = await alice.asked("greet");
  const retry = { inputResponses: ANSWER, requestState };
  assertRefused(await new ModernCaller(server, { token: "b-token" }).call("greet", retry));
  assertRefused(await new ModernCaller(server).call("greet", retry));
  assertEquals(textOf(await alice.done("greet", retry)), "Hello, Ann!");
});

Deno.test("MCP_SESSIONS_KEYS: the first seals and all open, so keys rotate without a store", async () => {
  const [old, fresh] = ["01", "AB"].map((byte) => byte.repeat(32));
  const start = (keys: string) =>
    startAsking({ transport: "stdio", env: { MCP_SESSIONS_KEYS: keys } });
  await using before = await start(`${old}`);
  await using during = await start(`${fresh}, ${old}`);
  await using after = await start(`${fresh}`);
  const sealed = async (server: typeof before) => {
    const { requestState } = await new ModernCaller(server).asked("greet");
    return { inputResponses: ANSWER, requestState };
  };
  await new ModernCaller(during).done("greet", await sealed(before));
  await new ModernCaller(after).done("greet", await sealed(during));
  assertRefused(await new ModernCaller(before).call("greet", await sealed(during)));
  assertRefused(await new ModernCaller(after).call("greet", await sealed(before)));
});

Deno.test("MCP_SESSIONS_KEYS: one that is none is a usage error, which does not show it", async () => {
  for (const keys of ["secret", "ab".repeat(31), `${"ab".repeat(32)},`, "xy".repeat(32)]) {
    const env = { MCP_SESSIONS_KEYS: keys };
    const server = await startAsking({ transport: "stdio", env });
    assertEquals(await server.ended(), 2);
    assertMatch(server.stderr.join(), /^asking: MCP_SESSIONS_KEYS: key \d is not 64 hex digits/);
    assertEquals(server.stderr.join().includes(keys), false);
  }
});

Deno.test("MCP_SESSIONS_KEYS: a variable that may not be read counts as unset", async () => {
  const env = { MCP_SESSIONS_KEYS: "secret" };
  await using server = await startAsking({ transport: "stdio", env, permissions: ["--no-prompt"] });
  await new ModernCaller(server).asked("greet");
});

Deno.test("requestState: what a server keeps for it is in no list and no count", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/store`;
  await using server = await startAsking({ transport: "stdio", store: `file:${path}` });
  const client = new ModernCaller(server);
  await server.create();
  for (let round = 0; round < 3; round++) {
    const { requestState } = await client.asked("greet");
    await client.done("greet", { inputResponses: ANSWER, requestState });
  }
  const { sessions } = await server.result("session/list");
  assertEquals(sessions.length, 1);
  await server.stop();
  const admin = new URL("../../../store/admin.ts", import.meta.url).href;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-read", admin, "verify", path],
  }).output();
  assertMatch(new TextDecoder().decode(stdout), /server "asking": 1 session with 0 values/);
  // Its key goes on.
  await using again = await startServer({
    server: new URL("../../fixtures/asking.ts", import.meta.url),
    transport: "stdio",
    store: `file:${path}`,
  });
  await new ModernCaller(again).asked("greet");
});
