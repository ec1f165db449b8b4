/** Floods over stdio take bounded memory. */

import { assert, assertEquals } from "@std/assert";
import { assertPeak, takenOf } from "../support/servers/raw_process.ts";
import { call, start } from "../support/servers/stdio_client.ts";

const MIB = 1024 * 1024;

Deno.test("StdioTransport: stops reading from a client that does not read, which misses nothing", async () => {
  await using server = await start();
  const count = 150;
  const pad = { pad: "x".repeat(MIB) };
  const sends = Array.from({ length: count }, (_, id) => () => {
    return server.send(call(id, "large", { bytes: 4 * MIB }, pad));
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
  await using server = await start();
  const count = 300;
  await server.send(
    ...Array.from({ length: count }, (_, id) => call(id, "large", { bytes: 4 * MIB })),
  );
  for (let id = 0; id < count; id++) assertEquals((await server.next()).id, id);
  await assertPeak(server);
});
