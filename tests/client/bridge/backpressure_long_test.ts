/** The bridge's backpressure, where one side sends faster than the other reads. */

import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { BRIDGE } from "../../support/bridge/host.ts";
import { type TempFolder, tempFolder } from "../../support/temp_folder.ts";
import { assertPeak, RawProcess, settled, takenOf } from "../../support/servers/raw_process.ts";

const LIMITED = fileURLToPath(new URL("../../fixtures/limited.ts", import.meta.url));
const SLOW = fileURLToPath(new URL("../../fixtures/slow_server.ts", import.meta.url));
const MIB = 1024 * 1024;

async function connect(folder: TempFolder, args: readonly string[]): Promise<RawProcess> {
  const bridge = new RawProcess([BRIDGE, "--log-level", "error", ...args], {
    XDG_STATE_HOME: folder.path,
  });
  await bridge.initialize();
  return bridge;
}

/** An MCP server over HTTP that answers each request but `initialize` by `answer`. */
function serve(answer: (id: unknown) => Response | Promise<Response>) {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    if (request.method !== "POST") return new Response(null, { status: 405 });
    const { id, method } = await request.json();
    if (id === undefined) return new Response(null, { status: 202 });
    if (method !== "initialize") return await answer(id);
    const serverInfo = { name: "fixture", version: "1.0.0" };
    const result = { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo };
    return Response.json({ jsonrpc: "2.0", id, result });
  });
}

Deno.test("bridge: a server's answers wait in the server while its host reads nothing", async () => {
  await using folder = await tempFolder();
  const server = [Deno.execPath(), "run", "-A", LIMITED, "{}", "--store", "memory:"];
  await using bridge = await connect(folder, ["--", ...server]);
  const count = 300;
  const params = { name: "large", arguments: { bytes: 4 * MIB } };
  await bridge.send(
    ...Array.from({ length: count }, (_, id) => ({ id, method: "tools/call", params })),
  );
  await settled(() => bridge.peak());
  for (let id = 0; id < count; id++) {
    const { id: answered, result } = await bridge.next();
    assertEquals([answered, result?.content[0]?.text.length], [id, 4 * MIB]);
  }
  await assertPeak(bridge);
  assertEquals(await bridge.endInput(), 0);
});

Deno.test("bridge: a host is not read further than its server reads, and misses nothing", async () => {
  await using folder = await tempFolder();
  const flag = `${folder.path}/read on`;
  await using bridge = await connect(folder, ["--", Deno.execPath(), "run", "-A", SLOW, flag]);
  const count = 300;
  const params = { pad: "x".repeat(MIB) };
  const [taken, all] = await takenOf(Array.from({ length: count }, (_, id) => () => {
    return bridge.send({ id, method: "tools/call", params });
  }));
  assert(taken < count, "all was taken, though the server reads nothing");
  await Deno.writeTextFile(flag, "");
  for (let id = 0; id < count; id++) assertEquals((await bridge.next()).id, id);
  await all;
  await assertPeak(bridge);
});

Deno.test("bridge: a host is not read further than an HTTP server answers, and misses nothing", async () => {
  await using folder = await tempFolder();
  const gate = Promise.withResolvers<void>();
  await using server = serve(async (id) => {
    await gate.promise;
    return Response.json({ jsonrpc: "2.0", id, result: {} });
  });
  await using bridge = await connect(folder, ["--url", `http://127.0.0.1:${server.addr.port}/`]);
  const count = 100;
  const params = { pad: "x".repeat(MIB) };
  const [taken, all] = await takenOf(Array.from({ length: count }, (_, id) => () => {
    return bridge.send({ id, method: "tools/call", params });
  }));
  assert(taken < count, "all was taken, though the server answers nothing");
  gate.resolve();
  const answered = new Set();
  while (answered.size < count) answered.add((await bridge.next()).id);
  await all;
});

for (const [what, length, atOnce] of [["large", 1_000_000, 1], ["small", 1, 1000]] as const) {
  Deno.test(`bridge: an HTTP server's many ${what} messages wait in it while the host reads nothing`, async () => {
    await using folder = await tempFolder();
    const message = (at: number) => ({
      jsonrpc: "2.0",
      method: "notifications/message",
      params: { level: "info", data: "x".repeat(length), at },
    });
    let at = 0;
    const pulls = 200;
    const event = () => `data: ${JSON.stringify(message(at++))}\n\n`;
    await using server = serve((id) => {
      let left = pulls;
      const flood = new ReadableStream({
        pull: (controller) => {
          const answer = `data: ${JSON.stringify({ jsonrpc: "2.0", id, result: {} })}\n\n`;
          const events = Array.from({ length: left > 0 ? atOnce : 0 }, event).join("");
          controller.enqueue(new TextEncoder().encode(events || answer));
          if (left-- === 0) controller.close();
        },
      });
      return new Response(flood, { headers: { "content-type": "text/event-stream" } });
    });
    await using bridge = await connect(folder, ["--url", `http://127.0.0.1:${server.addr.port}/`]);
    await bridge.send({ id: "call", method: "tools/call", params: { name: "x" } });
    await settled(() => at);
    assert(at < pulls * atOnce, "all was taken, though the host reads nothing");
    for (let next = 0; next < pulls * atOnce; next++) {
      assertEquals(Object((await bridge.next()).params).at, next);
    }
    assertEquals((await bridge.next()).id, "call");
    await assertPeak(bridge);
  });
}
