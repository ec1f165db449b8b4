/** Event streams until the SDK gives up. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { isOutcomeUnknown } from "../../../client/mod.ts";
import { connected, Durable } from "../../support/client/client_fixture.ts";

Deno.test("withSession: a stream that the SDK can't resume is an unknown outcome", async () => {
  await using fixture = await Durable.create("stateful", "--sse", "--event-ids");
  await using it = await connected(fixture);
  const { promise, resolve } = Promise.withResolvers<string>();
  const params = { name: "hold", arguments: { note: "once" } };
  const call = assertRejects(() =>
    it.client.callTool(params, undefined, { onresumptiontoken: resolve })
  );
  assertEquals(await promise, "1");
  await fixture.running("once");
  await fixture.kill();
  await fixture.start();
  assert(isOutcomeUnknown(await call));
  assertEquals(await it.call("echo", { note: "after" }), it.id);
  assertEquals(await fixture.ran(), ["once", "after"]);
});
