/** `--max-age TIME`: the end of a session however much it is used. */

import { assert, assertEquals } from "@std/assert";
import { startServer, TRANSPORTS } from "../../support/servers/server.ts";

for (const transport of TRANSPORTS) {
  Deno.test(`--max-age over ${transport}: no use renews a session past it`, async () => {
    await using server = await startServer({
      server: "notebook",
      transport,
      flags: ["--ttl", "30d", "--max-age", "2h", "--handles"],
    });
    const made = await server.create();
    const ageOf = ({ expiry, data }: typeof made) =>
      Date.parse(expiry) - Date.parse(data.createdAt ?? "");
    assertEquals(ageOf(made), 2 * 3_600_000);
    const { _meta } = await server.toolResult("notebook_append", { text: "a" }, made);
    assertEquals(_meta?.["mcp/session"]?.expiry, made.expiry);
    const { tools } = await server.result("tools/list");
    const create = tools.find(({ name }) => name === "session_create");
    assert(
      `${create?.description}`.includes("kept for 30 days without use, and for 2 hours in all"),
      "the model is told",
    );
  });
}
