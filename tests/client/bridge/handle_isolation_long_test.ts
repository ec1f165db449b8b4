/** Handles at the bridge while another process holds the jar. */

import { assertEquals } from "@std/assert";
import { BridgedServer } from "../../support/bridge/bridged_servers.ts";
import { BridgeHost, Folder } from "../../support/bridge/host.ts";
import { Model } from "../../support/bridge/model.ts";

Deno.test("bridge: a jar that cannot be read costs no handle", async () => {
  await using folder = await Folder.create();
  await using behind = await BridgedServer.start("notebook", "stdio", folder);
  await using host = await BridgeHost.connect(folder, behind.args);
  const model = new Model(host);
  const handle = await model.create();
  await model.call(["notebook_append", { text: "important" }], handle);
  const jar = `${folder.path}/mcp-sessions/cookies.jsonl`;
  {
    // Another process is in the middle of a line.
    using lock = await Deno.open(`${jar}.lock`, { read: true, write: true });
    await lock.lock(true);
    await Deno.writeTextFile(jar, " ", { append: true });
    const { error } = await host.call("notebook_append", { text: "refused", session: handle });
    assertEquals(error?.data, { reason: "not_sent" });
    await Deno.truncate(jar, (await Deno.stat(jar)).size - 1);
  }
  await model.call(["notebook_append", { text: "more" }], handle);
  const { content } = await model.call(["notebook_read", {}], handle);
  assertEquals(content[0]?.text, "1. important\n2. more");
});
