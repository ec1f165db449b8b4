import { assert, assertEquals } from "@std/assert";
import { ReplayedRequests } from "../../../client/bridge/replayed_requests.ts";
import { ASKED, BridgedServer } from "../../support/bridge/bridged_servers.ts";
import { conversation } from "../../support/bridge/host.ts";

Deno.test("ReplayedRequests: keeps the last of each kind, unless a pending one supersedes it", () => {
  const replayed = new ReplayedRequests();
  const request = (method: string, params = {}) =>
    ({ jsonrpc: "2.0", id: 1, method, params }) as const;
  const subscribe = (uri: string) => request("resources/subscribe", { uri });
  const level = (level: string) => request("logging/setLevel", { level });
  const done = [level("debug"), subscribe("a"), subscribe("b"), level("error"), subscribe("a")];
  for (
    const each of [...done, request("tools/call"), request("resources/unsubscribe", { uri: "b" })]
  ) {
    replayed.record(each);
  }
  assertEquals(replayed.excluding([]), [level("error"), subscribe("a")]);
  assertEquals(replayed.excluding([level("info"), request("ping")]), [subscribe("a")]);
});

for (const way of ["stdio", "stateful"] as const) {
  Deno.test(`bridge: replays the log level and subscriptions on a new connection (${way})`, async () => {
    await using behind = await BridgedServer.start(ASKED, way);
    await using host = await behind.connect();
    const A = conversation("a");
    const asked = async () => (await host.tool("asked", {}, A)).structuredContent.asked;
    await asked();
    const watch = (uri: string) => host.result("resources/subscribe", { uri, _meta: A });
    for (const level of ["debug", "error"]) await host.result("logging/setLevel", { level });
    for (const uri of ["a:1", "a:2", "a:3"]) await watch(uri);
    await host.result("resources/unsubscribe", { uri: "a:1" });
    await watch("a:2");
    // A refused request is not replayed.
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
    // A pending request supersedes the one to replay.
    await behind.kill();
    await behind.startAgain();
    while ((await host.request("logging/setLevel", { level: "info" })).error !== undefined);
    // Only the host's own request carries the null cookie.
    const last = "subscribe=a:3 subscribe=a:2 level=info+mcp/session";
    assertEquals<unknown>(await asked(), last);
  });
}
