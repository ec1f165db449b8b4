/** How many sessions one caller has open at once, as the operator is told. */

import { assertEquals } from "@std/assert";
import { bearer, tokensFile } from "../../support/servers/tokens.ts";
import { post, request, startServer } from "../../support/servers/server.ts";
import { until } from "../../support/until.ts";

Deno.test("a server warns once when a user has a hundred sessions open, and not of those that were ended", async () => {
  await using tokens = await tokensFile({ "alice-1": "alice", "bob-1": "bob" });
  await using server = await startServer({
    server: "notebook",
    transport: "http",
    flags: tokens.flags,
  });
  const ask = async (token: string, method: string, params: object = {}) =>
    (await (await post(server.url, request(method, params), bearer(token))).json()).result;
  for (let made = 0; made < 150; made++) {
    const { id } = await ask("bob-1", "session/create");
    await ask("bob-1", "session/delete", { id });
  }
  for (let made = 0; made < 200; made++) await ask("alice-1", "session/create");
  const told = () => server.stderr.filter((line) => line.includes("sessions open at once"));
  await until(told, ({ length }) => length > 0);
  for (let made = 0; made < 20; made++) await ask("alice-1", "session/create");
  assertEquals(told().length, 1, told().join("\n"));
  assertEquals(told()[0]?.includes('["tokens","alice","alice"] has 100 sessions'), true);
});

Deno.test("a server tells of a user's sessions that another process has made", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const options = {
      server: "notebook",
      transport: "stdio",
      store: `file:${folder}/sessions.jsonl`,
    } as const;
    {
      await using before = await startServer(options);
      for (let made = 0; made < 95; made++) await before.create();
    }
    await using server = await startServer(options);
    for (let made = 0; made < 100; made++) await server.create();
    await until(
      () => server.stderr,
      (lines) =>
        lines.some((line) => line.includes("The local user has 100 sessions open at once")),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
