/** Many conversations and users at one bridge. */

import { assertEquals } from "@std/assert";
import {
  BridgedServer,
  POLICIES,
  sessionOf,
  startForUsers,
} from "../../support/bridge/bridged_servers.ts";
import { asUser, BridgeHost, conversation, Folder } from "../../support/bridge/host.ts";

/** As many conversations as the bridge caches. */
const CACHED = 1000;
const AT_ONCE = 50;

Deno.test("bridge: caches some conversations, and finds the others in the jar", async () => {
  await using folder = await Folder.create();
  await using behind = await BridgedServer.start(POLICIES, "stdio", folder);
  await using host = await BridgeHost.connect(folder, ["--log-level", "info", ...behind.args]);
  const session = async (id: string) => sessionOf(await host.tool("members", {}, conversation(id)));
  const busy = await session("busy");
  const held = host.tool("hold", { text: "x" }, conversation("busy"));
  await host.tool("held");
  const idle = await session("idle");
  for (let i = 0; i < CACHED - 1; i += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, CACHED - 1 - i) }, (_, j) => i + j);
    await Promise.all(some.map((i) => session(`${i}`)));
  }
  // One too many: the bridge evicts the least recently used one that is idle.
  assertEquals(await session("busy"), busy);
  assertEquals(await session("idle"), idle);
  await host.tool("release");
  assertEquals((await held).structuredContent.outcome, "written");
  assertEquals(await host.endInput(), 0);
  const resumed = host.stderr.filter((line) => line.endsWith("is resumed"));
  assertEquals(resumed, [`bridge: info: session ${idle.slice(0, 13)}… is resumed`]);
});

Deno.test("bridge: users in one conversation have a session each, which a new token finds", async () => {
  await using folder = await Folder.create();
  const users = { "token-of-alice": "alice", "token-of-bob": "bob", "token-for-alice": "alice" };
  await using server = await startForUsers(folder, users);
  const connect = (token: string) => BridgeHost.connect(folder, asUser(server.url, token));
  const A = conversation("a");
  const ids: string[] = [];
  for (let life = 0; life < 2; life++) {
    for (const token of ["token-of-bob", "token-of-alice"]) {
      await using host = await connect(token);
      ids.push(sessionOf(await host.tool("notebook_append", { text: token }, A)));
      await host.stop("SIGKILL");
    }
  }
  const [bob = "", alice = ""] = ids;
  assertEquals(ids, [bob, alice, bob, alice]);
  await using host = await connect("token-for-alice");
  assertEquals(sessionOf(await host.tool("notebook_read", {}, A)), alice);
});
