/** Session ids: what they are made of, and where they count. */

import { assertEquals, assertMatch } from "@std/assert";
import { callRequest, messagesOf, post, startServer } from "../../support/servers/server.ts";

Deno.test("session ids: 128 bits, each of them by chance, and nothing of the session", async () => {
  await using server = await startServer({ server: "notebook", transport: "stdio" });
  const ids: string[] = [];
  for (let made = 0; made < 500; made++) {
    const { id } = await server.create({ hints: { label: "the same for all" } });
    assertMatch(id, /^sess-[0-9a-f]{32}$/);
    ids.push(id.slice(5));
  }
  const bits = ids.map((hex) => BigInt(`0x${hex}`));
  for (let bit = 0n; bit < 128n; bit++) {
    const set = bits.filter((id) => (id >> bit) & 1n).length;
    // One of 128 bits is out of these bounds by chance once in ten thousand million runs.
    assertEquals(set > 150 && set < 350, true, `bit ${bit} is set in ${set} of 500 ids`);
  }
  for (const half of [ids.map((id) => id.slice(0, 16)), ids.map((id) => id.slice(16))]) {
    assertEquals(new Set(half).size, ids.length, "two ids have a half in common");
  }
});

for (const flags of [[], ["--stateful"]]) {
  Deno.test(`session ids over http ${flags}: count in the request's own cookie, and in no URL, header or Cookie`, async () => {
    await using server = await startServer({ server: "notebook", transport: "http", flags });
    const initialized = await post(
      server.url,
      '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",' +
        '"capabilities":{},"clientInfo":{"name":"x","version":"1"}}}',
    );
    await initialized.text();
    const transport = initialized.headers.get("mcp-session-id");
    const own: Record<string, string> = transport === null ? {} : { "mcp-session-id": transport };
    const create = '{"jsonrpc":"2.0","id":1,"method":"session/create"}';
    const [made] = await messagesOf(await post(server.url, create, own));
    const id = `${made?.result?.id}`;
    const response = await post(
      `${server.url}?session=${id}&id=${id}`,
      callRequest("notebook_read", {}, 1, { "mcp/session": null }),
      {
        ...own,
        cookie: `mcp/session=${id}; session=${id}; id=${id}`,
        "x-session-id": id,
        "mcp-session": id,
        ...(transport === null && { "mcp-session-id": id }),
      },
    );
    const [answer] = await messagesOf(response);
    assertEquals([answer?.error?.code, answer?.error?.data], [-32002, { reason: "missing" }]);
    assertEquals(response.headers.has("set-cookie"), false);
  });
}
