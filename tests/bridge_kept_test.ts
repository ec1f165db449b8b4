/**
 * What the bridge keeps for the host, and for how long.
 */

import { assert, assertEquals } from "@std/assert";
import { Behind } from "./bridge_behind.ts";
import { BridgeHost, conversation, Folder } from "./bridge_host.ts";

const ASKED = new URL("./fixtures/asked.ts", import.meta.url);
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
    assertEquals<unknown>(await asked(), "subscribe=a:3 subscribe=a:2 level=info");
  });
}
