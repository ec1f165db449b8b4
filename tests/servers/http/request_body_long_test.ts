/** Memory that slow bodies take. */

import { assert, assertMatch } from "@std/assert";
import { memoryOf, startLimited } from "../../support/servers/limited.ts";
import { RawConnection } from "../../support/servers/raw_http.ts";
import { callRequest } from "../../support/servers/wire.ts";

const MIB = 1024 * 1024;

Deno.test("slow bodies that got 408: cost little more than their connections", async () => {
  await using server = await startLimited({ bodyMs: 200 });
  const connections: RawConnection[] = [];
  const sendMore = async (count: number) => {
    const more: RawConnection[] = [];
    for (let number = 0; number < count; number++) {
      const connection = await RawConnection.open(server.url);
      connections.push(connection);
      more.push(connection);
      await connection.post("x".repeat(60_000), { "content-length": "64000" });
    }
    for (const connection of more) assertMatch(await connection.read(), /^HTTP\/1\.1 408 /);
  };
  try {
    const left: number[] = [];
    for (let wave = 0; wave < 4; wave++) {
      const before = await memoryOf(server);
      await sendMore(200);
      left.push((await memoryOf(server) - before) / 200);
    }
    // Garbage shows in some waves, a leak in each of them.
    assert(Math.min(...left) < 160_000, `each has left ${left.map(Math.round)} bytes`);
  } finally {
    for (const connection of connections) connection[Symbol.dispose]();
  }
});

Deno.test("a body in chunks of one byte: costs no more than its bytes, and blocks no other request", async () => {
  // A busy machine may take long over 800,000 chunks.
  await using server = await startLimited({ bodyMs: 600_000 });
  const before = await memoryOf(server);
  using slow = await RawConnection.open(server.url);
  await slow.post("", { "transfer-encoding": "chunked" });
  const body = callRequest("now").padEnd(800_000);
  let most = 0;
  for (let start = 0; start < body.length; start += 80_000) {
    await slow.write([...body.slice(start, start + 80_000)].map((it) => `1\r\n${it}\r\n`).join(""));
    most = Math.max(most, await memoryOf(server) - before);
  }
  await slow.write("0\r\n\r\n");
  assertMatch(await slow.read(), /^HTTP\/1\.1 200 /);
  assert(most < 110 * MIB, `it took ${Math.round(most / MIB)} MiB`);
});
