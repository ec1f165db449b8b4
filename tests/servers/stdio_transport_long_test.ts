/** The stdio transport with hundreds of large responses, and clients that do not read them. */

import { assert, assertEquals } from "@std/assert";
import { startLimitedRaw } from "../support/servers/limited.ts";
import { assertPeak, takenOf } from "../support/servers/raw_process.ts";

const MIB = 1024 * 1024;

function largeCall(id: number, _meta: object = {}): object {
  return {
    id,
    method: "tools/call",
    params: { name: "large", arguments: { bytes: 4 * MIB }, _meta },
  };
}

Deno.test("StdioTransport: stops reading from a client that does not read, which misses nothing", async () => {
  await using server = await startLimitedRaw();
  const count = 150;
  const sends = Array.from({ length: count }, (_, id) => () => {
    return server.send(largeCall(id, { pad: "x".repeat(MIB) }));
  });
  const [taken, all] = await takenOf(sends);
  assert(taken < count, "all was taken, though nothing was read");
  for (let id = 0; id < count; id++) {
    const { id: answered, result } = await server.next();
    assertEquals([answered, result?.content[0]?.text.length], [id, 4 * MIB]);
  }
  await all;
  await assertPeak(server);
  assertEquals(await server.endInput(), 0);
});

Deno.test("StdioTransport: many small requests with large responses take bounded memory", async () => {
  await using server = await startLimitedRaw();
  const count = 300;
  await server.send(...Array.from({ length: count }, (_, id) => largeCall(id)));
  for (let id = 0; id < count; id++) assertEquals((await server.next()).id, id);
  await assertPeak(server);
});
