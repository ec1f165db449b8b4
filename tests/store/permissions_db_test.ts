/** What servers and the store command are allowed with a store in a database: as docs/stores.md says, and no more. */

import { assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { fillStore } from "../support/store/admin/whole_stores.ts";
import { startPostgres } from "../support/databases/postgres.ts";
import { RedisServer } from "../support/databases/redis.ts";
import { startServer, TRANSPORTS } from "../support/servers/server.ts";

async function withDatabases(test: (store: string) => Promise<void>): Promise<void> {
  await using redis = await RedisServer.start();
  await test(redis.url());
  await using postgres = await startPostgres();
  await test(postgres.url());
}

for (const transport of TRANSPORTS) {
  Deno.test(`docs/stores.md: its permissions are enough for Redis and PostgreSQL over ${transport}`, async () => {
    await withDatabases(async (store) => {
      await using server = await startServer({ server: "notebook", transport, store });
      await server.create();
    });
  });
}

Deno.test("deno run -P=http: is enough for Redis and PostgreSQL", async () => {
  await withDatabases(async (store) => {
    const permissions = ["--no-prompt", "-P=http"];
    await using server = await startServer({
      server: "notebook",
      transport: "http",
      store,
      permissions,
    });
    await server.create();
  });
});

Deno.test("deno run -P=stdio: is enough for Redis and PostgreSQL with --allow-net", async () => {
  await withDatabases(async (store) => {
    const permissions = ["--no-prompt", "-P=stdio", `--allow-net=${new URL(store).host}`];
    await using server = await startServer({
      server: "notebook",
      transport: "stdio",
      store,
      permissions,
    });
    await server.create();
  });
});

Deno.test("deno task store: has the permissions for Redis and PostgreSQL", async () => {
  await withDatabases(async (store) => {
    await fillStore(store, 4);
    for (const [command, ...flags] of [["ls"], ["rm", "--owner", "alice", "--yes"]]) {
      const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["task", "-q", "store", command!, store, ...flags],
        cwd: fileURLToPath(new URL("../..", import.meta.url)),
      }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      assertMatch(new TextDecoder().decode(stdout), /^SESSION |^Ended 1 session\.$/m);
    }
  });
});
