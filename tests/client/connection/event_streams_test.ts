/** Answers on event streams that break, end or are resumed before the answer. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { isOutcomeUnknown } from "../../../client/mod.ts";
import { connected, Durable } from "../../support/client/client_fixture.ts";

Deno.test("withSession: a stream that ends without the answer is an unknown outcome", async () => {
  await using fixture = await Durable.create("sse");
  await using it = await connected(fixture);
  assert(isOutcomeUnknown(await assertRejects(() => it.call("vanish", { note: "once" }))));
  assertEquals(await it.call("echo", { note: "after" }), it.id);
  assertEquals([await fixture.ran(), it.errors], [["once", "after"], []]);
});

Deno.test("withSession: takes the answer of a stream that the SDK resumes", async () => {
  await using fixture = await Durable.create("stateful", "--sse", "--event-ids");
  await using it = await connected(fixture);
  assertEquals(await it.call("cut", { note: "once" }), it.id);
  assertEquals([await fixture.ran(), it.told], [["once"], ["created"]]);
});
