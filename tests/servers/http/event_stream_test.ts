/** Event streams: their headers for proxies, and backpressure. */

import { assert, assertEquals } from "@std/assert";
import { POLICIES } from "../../support/servers/bound_calls.ts";
import { EventStream } from "../../../servers/base/http/event_stream.ts";
import { opened, post, startServer } from "../../support/servers/server.ts";

function assertUnbuffered({ status, headers }: Response, name: string): void {
  const sent = ["content-type", "x-accel-buffering", "cache-control"].map((it) => headers.get(it));
  const expected = ["text/event-stream", "no", "no-store, no-transform"];
  assertEquals([status, ...sent], [200, ...expected], name);
}

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`event streams over http ${flags}: tell proxies not to buffer or change them`, async () => {
    await using server = await startServer({ server: POLICIES, transport: "http", flags });
    const headers = await opened(server.url);
    const ask = (message: object) =>
      post(server.url, JSON.stringify({ jsonrpc: "2.0", ...message }), headers);
    const call = (id: number, name: string, more: object = {}) =>
      ask({ id, method: "tools/call", params: { name, ...more } });

    const progress = await call(1, "progress", { _meta: { progressToken: 1 } });
    assertUnbuffered(progress, "progress");
    await progress.text();

    const _meta = { "mcp/session": { id: "sess-made-up" } };
    const cancelled = call(2, "wait", { arguments: { text: "3600000" }, _meta });
    await (await call(3, "held")).text();
    const params = { requestId: 2, _meta };
    await (await ask({ method: "notifications/cancelled", params })).text();
    assertUnbuffered(await cancelled, "a call that is cancelled");
    await (await cancelled).text();

    if (!flags.includes("--stateful")) return;
    const standalone = await fetch(server.url, {
      headers: { ...headers, accept: "text/event-stream" },
    });
    assertUnbuffered(standalone, "the standalone stream");
    await standalone.body?.cancel();
  });
}

Deno.test("EventStream: trySend() drops messages that the client is too slow for, send() never", async () => {
  const stream = new EventStream();
  const message = "x".repeat(1000);
  for (let count = 0; count < 1000; count++) stream.trySend(message);
  stream.keepAlive();
  stream.send("last");
  stream.end();
  const text = await new Response(stream.body.stream).text();
  const count = text.split(message).length - 1;
  assert(count > 60 && count < 70, `${count} messages of 1000 bytes`);
  assert(text.endsWith("event: message\ndata: last\n\n") && !text.includes("keep-alive"));
});

Deno.test("EventStream: keepAlive() sends a comment while nothing else waits", async () => {
  const stream = new EventStream();
  stream.keepAlive();
  stream.keepAlive();
  stream.end();
  assertEquals(await new Response(stream.body.stream).text(), ": keep-alive\n\n");
});
