/** Renewal of the session of a call that runs. */

import { assert, assertEquals } from "@std/assert";
import { presenting, startServer, TRANSPORTS } from "../../support/servers/server.ts";

const fixture = new URL("../../fixtures/policies.ts", import.meta.url);

for (const transport of TRANSPORTS) {
  const start = (flags: string[] = []) => startServer({ server: fixture, transport, flags });

  Deno.test(`a call over ${transport}: keeps its session alive for as long as it runs`, async () => {
    await using server = await start(["--ttl", "1s"]);
    const [used, unused] = [await server.create(), await server.create()];
    const call = server.toolResult("hold", { text: "x" }, used);
    await server.toolResult("held");
    // Only a request for a session shows that it has expired.
    const isThere = async ({ id }: { id: string }) =>
      (await server.request("resources/read", {
        uri: "session://current",
        ...presenting({ id }),
      })).result !== undefined;
    while (await isThere(unused)) await new Promise((resolve) => setTimeout(resolve, 100));
    assert(await isThere(used));
    await server.toolResult("release");
    assertEquals((await call).structuredContent.outcome, "written");
  });

  Deno.test(`a call over ${transport}: keeps no session alive once it is refused or cancelled`, async () => {
    await using server = await start(["--ttl", "1s"]);
    const [malformed, cancelled] = [await server.create(), await server.create()];
    const params = { name: "append", arguments: [], ...presenting(malformed) };
    assertEquals((await server.request("tools/call", params)).error?.code, -32602);
    void server.tool("hold", { text: "x" }, cancelled).catch(() => {});
    await server.toolResult("held");
    const later = await server.create();
    await server.notify("notifications/cancelled", {
      requestId: server.lastId - 2,
      ...presenting(cancelled),
    });
    const isThere = async ({ id }: { id: string }) =>
      (await server.request("resources/read", {
        uri: "session://current",
        ...presenting({ id }),
      })).result !== undefined;
    // Used last, so that the others expire first unless something keeps them alive.
    while (await isThere(later)) await new Promise((resolve) => setTimeout(resolve, 100));
    assertEquals([await isThere(malformed)], [false]);
    while (await isThere(cancelled)) await new Promise((resolve) => setTimeout(resolve, 100));
    await server.toolResult("release");
  });
}
