/**
 * Lost sessions of servers that know no -32002: they refuse a call without a live session by an
 * `isError` result, and a restart forgets their sessions.
 */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { ForgetfulServer, tellsOfReset } from "../../support/bridge/bridged_servers.ts";
import { BridgeHost, conversation, Folder } from "../../support/bridge/host.ts";
import { KINDS, REFUSALS } from "../../support/client/client_fixture.ts";

const A = conversation("a");

for (const kind of KINDS) {
  for (const says of REFUSALS) {
    Deno.test(`bridge: tells of a session lost by a server that refuses in words: ${says} (${kind})`, async () => {
      await using folder = await Folder.create();
      await using server = await ForgetfulServer.start(kind, folder, `--says=${says}`);
      await using host = await BridgeHost.connect(folder, server.args);
      const first = (await host.tool("echo", {}, A)).content[0]?.text;
      await server.restart(host);
      const refused = await host.tool("echo", {}, A);
      assert(tellsOfReset(refused), JSON.stringify(refused));
      assertMatch(refused.content[0]?.text ?? "", /call failed.*not made again.*call again/);
      assertEquals([refused.isError, refused.content[1]?.text], [true, says]);
      const next = await host.tool("echo", {}, A);
      assert(!tellsOfReset(next), "the model has been told");
      assertEquals([next.isError, next.content.length], [undefined, 1]);
      assertNotEquals(next.content[0]?.text, first);
      const last = await host.tool("echo", {}, A);
      assertEquals(last.content, next.content, "the session goes on");
    });
  }
}

Deno.test("bridge: a failure in a live session loses nothing, and carries no notice", async () => {
  await using folder = await Folder.create();
  await using server = await ForgetfulServer.start("http", folder, `--says=${REFUSALS[0]}`);
  await using host = await BridgeHost.connect(folder, server.args);
  const first = await host.tool("echo", {}, A);
  for (let i = 0; i < 3; i++) {
    const failed = await host.tool("fail", {}, A);
    assertEquals([failed.isError, failed.content.length], [true, 1]);
  }
  assertEquals((await host.tool("echo", {}, A)).content, first.content);
});

Deno.test("bridge: each of concurrent calls tells of the lost session", async () => {
  await using folder = await Folder.create();
  await using server = await ForgetfulServer.start("http", folder, `--says=${REFUSALS[0]}`);
  await using host = await BridgeHost.connect(folder, server.args);
  await host.tool("echo", {}, A);
  await host.tool("echo", {}, conversation("b"));
  await server.restart(host);
  const refused = await host.toolAtOnce(8, "echo", {}, A);
  assert(refused.every((result) => tellsOfReset(result) && result.isError === true));
  const next = await host.toolAtOnce(8, "echo", {}, A);
  assertEquals(new Set(next.map(({ content }) => content[0]?.text)).size, 1);
  assert(!next.some(tellsOfReset));
  // The other conversation has its own session to lose.
  assert(tellsOfReset(await host.tool("echo", {}, conversation("b"))));
  assert(!tellsOfReset(await host.tool("echo", {}, conversation("b"))));
});

for (const [flags, meta] of [[[], A], [["--session", "n"], undefined]] as const) {
  Deno.test(`bridge: a failure after a restart loses no state in the cookie (${flags[0] ?? "conversation"})`, async () => {
    await using folder = await Folder.create();
    await using server = await ForgetfulServer.start("stdio", folder, "--in-cookie");
    const args = [...flags, ...server.args];
    {
      await using host = await BridgeHost.connect(folder, args);
      await host.tool("keep", { text: "precious" }, meta);
      await server.restart(host);
      const failed = await host.tool("fail", {}, meta);
      assertEquals(failed.content.map(({ text }) => text), ["Wrong input"]);
      await host.stop("SIGKILL");
    }
    await using host = await BridgeHost.connect(folder, args);
    assertEquals((await host.tool("fail", {}, meta)).isError, true);
    assertEquals((await host.tool("kept", {}, meta)).content[0]?.text, "precious");
  });
}
