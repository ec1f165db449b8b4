/** What event streams say to the proxies on their way, which would keep them back or change them. */

import { assertEquals } from "@std/assert";
import { opened, post, startServer } from "../../support/servers/server.ts";

const FIXTURE = new URL("../../fixtures/policies.ts", import.meta.url);

function assertPassedOn({ status, headers }: Response, name: string): void {
  const told = ["content-type", "x-accel-buffering", "cache-control"].map((it) => headers.get(it));
  const expected = ["text/event-stream", "no", "no-cache, no-transform"];
  assertEquals([status, ...told], [200, ...expected], name);
}

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`event streams over http ${flags}: tell proxies to pass them on at once, as they are`, async () => {
    await using server = await startServer({ server: FIXTURE, transport: "http", flags });
    const headers = await opened(server.url);
    const ask = (message: object) =>
      post(server.url, JSON.stringify({ jsonrpc: "2.0", ...message }), headers);
    const call = (id: number, name: string, more: object = {}) =>
      ask({ id, method: "tools/call", params: { name, ...more } });

    const progress = await call(1, "progress", { _meta: { progressToken: 1 } });
    assertPassedOn(progress, "progress");
    await progress.text();

    const _meta = { "mcp/session": { id: "sess-made-up" } };
    const cancelled = call(2, "wait", { arguments: { text: "3600000" }, _meta });
    await (await call(3, "held")).text();
    const params = { requestId: 2, _meta };
    await (await ask({ method: "notifications/cancelled", params })).text();
    assertPassedOn(await cancelled, "a call that is cancelled");
    await (await cancelled).text();

    if (!flags.includes("--stateful")) return;
    const standalone = await fetch(server.url, {
      headers: { ...headers, accept: "text/event-stream" },
    });
    assertPassedOn(standalone, "a stream for what the server says unasked");
    await standalone.body?.cancel();
  });
}
