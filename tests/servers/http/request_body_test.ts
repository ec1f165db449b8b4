/** Bodies of requests: slow, large, cut off, or in many parts. */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { partsOf } from "../../../servers/base/http/request_body.ts";
import { startLimited } from "../../support/servers/limited.ts";
import { RawConnection } from "../../support/servers/raw_http.ts";
import { callRequest, post, statusOf } from "../../support/servers/wire.ts";
import { bearer, tokensFile } from "../../support/servers/tokens.ts";

async function lengthsOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<number[]> {
  const parts = partsOf(body);
  const lengths: number[] = [];
  for (let part; (part = await parts.next()) !== undefined;) lengths.push(part.length);
  return lengths;
}

Deno.test("partsOf(): coalesces the bytes of a byte stream", async () => {
  let left = 10_000;
  const body = new ReadableStream({
    type: "bytes",
    pull(controller) {
      controller.enqueue(new Uint8Array(1));
      if (--left === 0) controller.close();
    },
  });
  const lengths = await lengthsOf(body);
  assertEquals(lengths.reduce((sum, length) => sum + length), 10_000);
  assert(lengths.length < 4, `${lengths}`);
});

Deno.test("partsOf(): gives the chunks of any other stream as they come", async () => {
  const chunks = [1, 20_000, 3].map((length) => new Uint8Array(length));
  assertEquals(await lengthsOf(ReadableStream.from(chunks)), [1, 20_000, 3]);
});

Deno.test("partsOf(): next() rejects when the body is cut off, and ends after cancel()", async () => {
  const error = new Error("cut off");
  const streams = (source: { pull?(controller: { error(reason: Error): void }): void }) => [
    new ReadableStream({ type: "bytes", ...source }),
    new ReadableStream(source),
  ];
  for (const body of streams({ pull: (controller) => controller.error(error) })) {
    await assertRejects(() => partsOf(body).next(), Error, "cut off");
  }
  for (const body of streams({})) {
    const parts = partsOf(body);
    const next = parts.next();
    parts.cancel();
    assertEquals(await next, undefined);
  }
});

Deno.test("bodies over the quota: get 503", async () => {
  await using server = await startLimited({ bodyBytes: 1000 });
  using slow = await RawConnection.open(server.url);
  await slow.post("", { "content-length": "900" });
  // The slow body counts once another one is refused.
  const padded = callRequest("now") + " ".repeat(200);
  let status = 200;
  while (status === 200) status = await statusOf(server.url, padded);
  assertEquals(status, 503);
  assertEquals(await statusOf(server.url, callRequest("now")), 200);
});

Deno.test("a large body that is declared and does not come: takes no quota", async () => {
  await using tokens = await tokensFile({ a: "alice", b: "bob" });
  const limits = { bodyBytes: 200_000, requestsPerOwner: 1 };
  await using server = await startLimited(limits, tokens.flags);
  using slow = await RawConnection.open(server.url);
  await slow.post("{", { ...bearer("a"), "content-length": "199999" });
  // The slow request counts once another one of its principal is refused.
  while ((await statusOf(server.url, callRequest("now"), bearer("a"))) === 200);
  const padded = callRequest("now") + " ".repeat(50_000);
  assertEquals(await statusOf(server.url, padded, bearer("b")), 200);
});

const SLOW_BODIES: readonly [how: string, headers: Record<string, string>, begun: string][] = [
  ["a length", { "content-length": "100" }, "{"],
  ["a greater length", { "content-length": "100000" }, "{"],
  ["chunks", { "transfer-encoding": "chunked" }, "1\r\n{\r\n"],
];

for (const [how, headers, begun] of SLOW_BODIES) {
  Deno.test(`a slow body with ${how}: gets 408, and gives its quota back`, async () => {
    await using server = await startLimited({ bodyMs: 100, requests: 1 });
    using slow = await RawConnection.open(server.url);
    await slow.post(begun, headers);
    assertMatch(await slow.read(), /^HTTP\/1\.1 408 /);
    assertEquals(await statusOf(server.url, callRequest("now")), 200);
  });
}

Deno.test("bodies of one principal over its quota: get 503, and leave room for the others", async () => {
  await using tokens = await tokensFile({ a: "alice", b: "bob" });
  const limits = { bodyBytes: 200_000, bodyBytesPerOwner: 120_000 };
  await using server = await startLimited(limits, tokens.flags);
  using slow = await RawConnection.open(server.url);
  const headers = { ...bearer("a"), "content-length": "100000" };
  await slow.post("x".repeat(99_999), headers);
  const padded = callRequest("now") + " ".repeat(90_000);
  let refused = new Response();
  while (refused.status === 200) {
    refused = await post(server.url, padded, bearer("a"));
    await refused.text();
  }
  assertEquals([refused.status, refused.headers.get("retry-after")], [503, "1"]);
  assertEquals(await statusOf(server.url, padded, bearer("b")), 200);
});
