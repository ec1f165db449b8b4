/** The bridge through kills and time limits. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  BridgedServer,
  isOutcomeUnknown,
  sessionOf,
  tellsOfReset,
  WAYS,
} from "../../support/bridge/bridged_servers.ts";
import { BridgeHost, conversation, Folder } from "../../support/bridge/host.ts";
import { startServer } from "../../support/servers/server.ts";

const A = conversation("a");

for (const way of WAYS) {
  Deno.test(`bridge: an acknowledged call outlives every kill, and ran once (${way})`, async () => {
    await using folder = await Folder.create();
    await using behind = await BridgedServer.start("notebook", way, folder);
    const acknowledged: string[] = [];
    let sent = 0;
    for (let life = 0; life < 2; life++) {
      await using host = await BridgeHost.connect(folder, behind.args);
      const append = async () => {
        const text = `note ${sent++}`;
        const reply = await host.call("notebook_append", { text }, A);
        if (reply.result) acknowledged.push(text);
        else assert(isOutcomeUnknown(reply), JSON.stringify(reply.error));
      };
      for (let kill = 0; kill < 2; kill++) {
        await append();
        const appends = Promise.all(Array.from({ length: 6 }, append));
        await behind.kill();
        await behind.startAgain();
        await appends;
        await host.reconnected();
      }
      // Kills the bridge with pending calls.
      for (let i = 0; i < 6; i++) {
        const params = { name: "notebook_append", arguments: { text: `note ${sent++}` }, _meta: A };
        await host.send({ jsonrpc: "2.0", id: sent, method: "tools/call", params });
      }
      await host.stop("SIGKILL");
    }
    await using host = await BridgeHost.connect(folder, behind.args);
    const read = await host.tool("notebook_read", {}, A);
    assert(!tellsOfReset(read));
    const notes = (read.content[0]?.text ?? "").split("\n").map((line) => line.split(". ")[1]);
    assertEquals(new Set(notes).size, notes.length, "a call ran twice");
    for (const text of acknowledged) assert(notes.includes(text), `${text} is lost`);
    assert(acknowledged.length >= 4);
    assertEquals(await behind.sessions(), [sessionOf(read)]);
  });
}

Deno.test("bridge: names the server that it cannot reach, and retries initialize", async () => {
  await using folder = await Folder.create();
  const first = await startServer({ server: "notebook", transport: "http" });
  const { url } = first;
  await first.stop();
  await using host = BridgeHost.start(folder, ["--url", url]);
  const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "x" } };
  const { error } = await host.request("initialize", params);
  assertEquals([error?.code, error?.data], [-32000, { reason: "not_sent" }]);
  assertStringIncludes(error?.message ?? "", `Cannot reach the MCP server ${url}`);
  // The server starts during the retries.
  const initialized = host.initialize();
  const port = Number(new URL(url).port);
  await using _ = await startServer({ server: "notebook", transport: "http", port });
  assertEquals((await initialized).serverInfo.name, "notebook");
  assertEquals(
    (await host.tool("notebook_append", { text: "x" }, A)).structuredContent.note_number,
    1,
  );
});

Deno.test("bridge: an unreadable jar costs no named session", async () => {
  await using folder = await Folder.create();
  await using behind = await BridgedServer.start("notebook", "stdio", folder);
  const args = ["--session", "notes", ...behind.args];
  {
    await using host = await BridgeHost.connect(folder, args);
    await host.tool("notebook_append", { text: "important" });
    assertEquals(await host.endInput(), 0);
  }
  await using host = await BridgeHost.connect(folder, args);
  const jar = `${folder.path}/mcp-sessions/cookies.jsonl`;
  {
    // Another process is in the middle of a line.
    using lock = await Deno.open(`${jar}.lock`, { read: true, write: true });
    await lock.lock(true);
    await Deno.writeTextFile(jar, " ", { append: true });
    const { error } = await host.call("notebook_append", { text: "refused" });
    assertEquals(error?.data, { reason: "not_sent" });
    assertMatch(
      error?.message ?? "",
      /session could not be found or made in time.*not carried out/,
    );
    await Deno.truncate(jar, (await Deno.stat(jar)).size - 1);
  }
  await host.tool("notebook_append", { text: "more" });
  assertEquals((await host.tool("notebook_read")).content[0]?.text, "1. important\n2. more");
});
