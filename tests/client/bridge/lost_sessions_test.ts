/**
 * Lost sessions, most of them of servers that know no -32002: they refuse a call without a live session
 * by an `isError` result, and a restart forgets their sessions.
 */

import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import {
  BridgedServer,
  ForgetfulServer,
  sessionOf,
  tellsOfReset,
} from "../../support/bridge/bridged_servers.ts";
import { conversation } from "../../support/bridge/host.ts";
import { KINDS, REFUSALS } from "../../support/client/client_fixture.ts";
import { TRANSPORTS } from "../../support/servers/server.ts";

const A = conversation("a");

for (const way of TRANSPORTS) {
  Deno.test(`bridge: tells the model once of a lost session (${way})`, async () => {
    await using it = await BridgedServer.start("notebook", way);
    await using host = await it.connect();
    const gone = sessionOf(await host.tool("notebook_append", { text: "one" }, A));
    const other = sessionOf(await host.tool("notebook_append", { text: "b" }, conversation("b")));
    await it.end(gone);
    const results = await host.toolAtOnce(8, "notebook_append", { text: "new" }, A);
    assertEquals(new Set(results.map(sessionOf)).size, 1);
    assert(results.every(tellsOfReset));
    const read = await host.tool("notebook_read", {}, A);
    assert(!tellsOfReset(read));
    // Each refused call ran once.
    assertEquals(read.structuredContent.count, 8);
    assertEquals(new Set(await it.sessions()), new Set([other, sessionOf(read)]));
    assert(!tellsOfReset(await host.tool("notebook_read", {}, conversation("b"))));
  });
}

for (const kind of KINDS) {
  for (const says of REFUSALS) {
    Deno.test(`bridge: tells of a session lost by a server that refuses in words: ${says} (${kind})`, async () => {
      await using server = await ForgetfulServer.start(kind, `--says=${says}`);
      await using host = await server.connect();
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
  await using server = await ForgetfulServer.start("http", `--says=${REFUSALS[0]}`);
  await using host = await server.connect();
  const first = await host.tool("echo", {}, A);
  for (let i = 0; i < 3; i++) {
    const failed = await host.tool("fail", {}, A);
    assertEquals([failed.isError, failed.content.length], [true, 1]);
  }
  assertEquals((await host.tool("echo", {}, A)).content, first.content);
});

Deno.test("bridge: each of concurrent calls tells of the lost session", async () => {
  await using server = await ForgetfulServer.start("http", `--says=${REFUSALS[0]}`);
  await using host = await server.connect();
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
    await using server = await ForgetfulServer.start("stdio", "--in-cookie");
    {
      await using host = await server.connect(...flags);
      await host.tool("keep", { text: "precious" }, meta);
      await server.restart(host);
      const failed = await host.tool("fail", {}, meta);
      assertEquals(failed.content.map(({ text }) => text), ["Wrong input"]);
      await host.stop("SIGKILL");
    }
    await using host = await server.connect(...flags);
    assertEquals((await host.tool("fail", {}, meta)).isError, true);
    assertEquals((await host.tool("kept", {}, meta)).content[0]?.text, "precious");
  });
}
