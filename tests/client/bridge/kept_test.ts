/**
 * What the bridge keeps for the host, and for how long.
 */

import { assert, assertEquals } from "@std/assert";
import { Behind, sessionOf } from "../../support/bridge/behind.ts";
import { BridgeHost, conversation, Folder } from "../../support/bridge/host.ts";
import { startServer } from "../../support/servers/server.ts";
import { writeTokens } from "../../support/servers/tokens.ts";

const POLICIES = new URL("../../fixtures/policies.ts", import.meta.url);
const ASKED = new URL("../../fixtures/asked.ts", import.meta.url);
/** As many conversations as the bridge has at hand. */
const AT_HAND = 1000;
const AT_ONCE = 50;

Deno.test("bridge: has some conversations at hand, and finds the others again", async () => {
  await using folder = await Folder.create();
  await using behind = await Behind.start(POLICIES, "stdio", folder);
  await using host = await BridgeHost.connect(folder, ["--log-level", "info", ...behind.args]);
  const session = async (id: string) => sessionOf(await host.tool("members", {}, conversation(id)));
  const busy = await session("busy");
  const held = host.tool("hold", { text: "x" }, conversation("busy"));
  await host.tool("held");
  const idle = await session("idle");
  for (let i = 0; i < AT_HAND - 1; i += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, AT_HAND - 1 - i) }, (_, j) => i + j);
    await Promise.all(some.map((i) => session(`${i}`)));
  }
  // Now there is one too many: the one that was not used for the longest time, and could go.
  assertEquals(await session("busy"), busy);
  assertEquals(await session("idle"), idle);
  await host.tool("release");
  assertEquals((await held).structuredContent.outcome, "written");
  assertEquals(await host.endInput(), 0);
  const resumed = host.stderr.filter((line) => line.endsWith("is resumed"));
  assertEquals(resumed, [`bridge: info: session ${idle.slice(0, 13)}… is resumed`]);
});

for (const way of ["stdio", "stateful"] as const) {
  Deno.test(`bridge: asks a new connection for what the last one was asked for (${way})`, async () => {
    await using folder = await Folder.create();
    await using behind = await Behind.start(ASKED, way, folder);
    await using host = await BridgeHost.connect(folder, behind.args);
    const A = conversation("a");
    const asked = async () => (await host.tool("asked", {}, A)).structuredContent.asked;
    await asked();
    const watch = (uri: string) => host.result("resources/subscribe", { uri, _meta: A });
    for (const level of ["debug", "error"]) await host.result("logging/setLevel", { level });
    for (const uri of ["a:1", "a:2", "a:3"]) await watch(uri);
    await host.result("resources/unsubscribe", { uri: "a:1" });
    await watch("a:2");
    // What the server has refused was never so.
    const refused = { uri: "refused:1" };
    assert((await host.request("resources/subscribe", refused)).error);
    assert((await host.request("resources/unsubscribe", { uri: "a:4" })).error);
    assertEquals((await asked())?.toString().split(" ").length, 9);
    for (let life = 0; life < 2; life++) {
      const before = host.messages.length;
      await behind.kill();
      await behind.startAgain();
      await host.reconnected();
      const repeated = ["level=error", "subscribe=a:3", "subscribe=a:2"];
      assertEquals<unknown>(await asked(), repeated.join(" "));
      const ids = host.messages.slice(before).map(({ id }) => id);
      assertEquals(ids, ids.filter((id) => /^h\d+$/.test(`${id}`)));
    }
    // What comes with the new connection goes before what was asked of the one before.
    await behind.kill();
    await behind.startAgain();
    while ((await host.request("logging/setLevel", { level: "info" })).error !== undefined);
    // The host's own request says that the bridge holds no session for it; what is repeated does not.
    const last = "subscribe=a:3 subscribe=a:2 level=info+mcp/session";
    assertEquals<unknown>(await asked(), last);
  });
}

Deno.test("bridge: two users in one conversation keep a session each, and a new token finds it", async () => {
  await using folder = await Folder.create();
  const tokens = `${folder.path}/tokens.txt`;
  const users = { "token-of-alice": "alice", "token-of-bob": "bob", "token-for-alice": "alice" };
  await writeTokens(tokens, users);
  await using server = await startServer({
    server: "notebook",
    transport: "http",
    flags: ["--tokens", tokens],
    permissions: ["-A"],
  });
  const connect = (token: string) =>
    BridgeHost.connect(folder, ["--url", server.url, "--header", `Authorization: Bearer ${token}`]);
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
