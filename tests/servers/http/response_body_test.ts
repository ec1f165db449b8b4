/** Large responses that wait for clients, and what they cost. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ResponseBody } from "../../../servers/base/http/response_body.ts";
import { startLimited } from "../../support/servers/limited.ts";
import { RawConnection } from "../../support/servers/raw_http.ts";
import {
  callRequest,
  messagesOf,
  opened,
  post,
  type WireMessage,
} from "../../support/servers/wire.ts";
import { until } from "../../support/until.ts";
import { bearer, tokensFile } from "../../support/servers/tokens.ts";

const MIB = 1024 * 1024;

async function lastOf(response: Response): Promise<WireMessage | undefined> {
  return (await messagesOf(response)).at(-1);
}

/** The forms of a large response. */
const LARGE = [
  { how: "as JSON", flags: [], args: { bytes: 16 * MIB } },
  { how: "as an event stream", flags: [], args: { bytes: 16 * MIB, announced: true } },
  { how: "with --stateful", flags: ["--stateful"], args: { bytes: 16 * MIB } },
];

for (const { how, flags, args } of LARGE) {
  Deno.test(`unread large responses ${how}: wait within the quota, and block no others`, async () => {
    const limits = { answerBytes: 40 * MIB, answerMs: 600_000 };
    await using server = await startLimited(limits, [...flags, "--log-level", "info"]);
    const headers = await opened(server.url);
    const ask = async (id: number) =>
      await lastOf(await post(server.url, callRequest("large", args, id), headers));
    using one = await RawConnection.open(server.url);
    await one.post(callRequest("large", args, 1), headers);
    assertMatch(await one.read(), /^HTTP\/1\.1 200 /);
    {
      using two = await RawConnection.open(server.url);
      await two.post(callRequest("large", args, 2), headers);
      assertMatch(await two.read(), /^HTTP\/1\.1 200 /);
      // The head may come before the response counts.
      const refused = await until(() => ask(3), (reply) => reply?.error !== undefined);
      assertEquals([refused?.id, refused?.error?.code], [3, -32603]);
      assertMatch(refused?.error?.message ?? "", /too many large responses wait/);
      const told = (line: string) => / outcome=error code=-32603 .* id=3 /.test(line);
      await until(() => server.stderr, (lines) => lines.some(told));
      const small = await post(server.url, callRequest("now", {}, 4), headers);
      assertEquals((await lastOf(small))?.result?.content[0]?.text, "now");
    }
    // The second client has gone.
    const answered = await until(() => ask(5), (reply) => reply?.result !== undefined);
    assertEquals(answered?.result?.content[0]?.text?.length, 16 * MIB);
  });
}

Deno.test("an unread large response: is dropped at the time limit", async () => {
  await using server = await startLimited({ answerBytes: 1, answerMs: 1000 });
  using slow = await RawConnection.open(server.url);
  await slow.post(callRequest("large", { bytes: 16 * MIB }, 1));
  assertMatch(await slow.read(), /^HTTP\/1\.1 200 /);
  const ask = async () =>
    await lastOf(await post(server.url, callRequest("large", { bytes: 100_000 }, 2)));
  assertEquals((await ask())?.error?.code, -32603);
  const answered = await until(ask, (reply) => reply?.result !== undefined);
  assertEquals(answered?.result?.content[0]?.text?.length, 100_000);
});

Deno.test("unread large responses of one principal: leave room for the others", async () => {
  await using tokens = await tokensFile({ a: "alice", b: "bob" });
  const limits = { answerBytes: 100 * MIB, answerBytesPerOwner: 1, answerMs: 600_000 };
  await using server = await startLimited(limits, tokens.flags);
  using slow = await RawConnection.open(server.url);
  const large = callRequest("large", { bytes: 16 * MIB }, 1);
  await slow.post(large, bearer("a"));
  assertMatch(await slow.read(), /^HTTP\/1\.1 200 /);
  assertEquals((await lastOf(await post(server.url, large, bearer("a"))))?.error?.code, -32603);
  const answered = await lastOf(await post(server.url, large, bearer("b")));
  assertEquals(answered?.result?.content[0]?.text?.length, 16 * MIB);
});

Deno.test("ResponseBody: passes on what is read, in chunks of at most 64 KiB", async () => {
  const source = new Blob(["x".repeat(100_000)]).stream();
  const body = new ResponseBody(source);
  const events: string[] = [];
  body.watch({ onread: () => events.push(`${body.readBytes}`), onover: () => events.push("over") });
  const reader = body.stream.getReader();
  assertEquals([(await reader.read()).value?.length, body.readBytes], [65_536, 65_536]);
  while (!(await reader.read()).done);
  assertEquals([events[0], events.at(-1), body.readBytes], ["65536", "over", 100_000]);
});

Deno.test("ResponseBody: a reader that cancels cancels the source, and drop() fails the reader", async () => {
  for (const how of ["cancel", "drop"] as const) {
    const cancelled = Promise.withResolvers<unknown>();
    const source = new ReadableStream<Uint8Array>({ cancel: cancelled.resolve });
    const body = new ResponseBody(source);
    let isOver = false;
    body.watch({ onover: () => isOver = true });
    if (how === "cancel") await body.stream.cancel("gone");
    else {
      const reading = body.stream.getReader().read();
      body.drop();
      await assertRejects(() => reading, Error, "does not read");
    }
    await cancelled.promise;
    assertEquals(isOver, true, how);
  }
});
