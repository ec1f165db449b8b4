/** The packed package's stores in Redis and PostgreSQL, in Node and Bun. */

import { installRuntimes } from "../support/npm_packages.ts";
import { checkConformance, npmProject, pack, SDKS } from "../support/npm_project.ts";
import { startPostgres } from "../support/databases/postgres.ts";
import { RedisServer } from "../support/databases/redis.ts";
import { tempFolder } from "../support/temp_folder.ts";

Deno.test("package: redis: and postgres: hold to the contract of a store in Node and Bun", async () => {
  await using folder = await tempFolder();
  const packed = await pack(folder.path);
  const runtimes = await installRuntimes();
  await using project = await npmProject(packed, SDKS[1], "@redis/client@6", "pg@8");
  await using redis = await RedisServer.start();
  await using postgres = await startPostgres();
  await Promise.all(
    Object.entries(runtimes).map(async ([name, binary]) => {
      const database = await postgres.makeDatabase();
      for (const store of [redis.url(), postgres.url(database)]) {
        await checkConformance(project.path, binary, name, store);
      }
    }),
  );
});

Deno.test("package: postgres: holds to the contract with the oldest pg that the package may be installed beside", async () => {
  await using folder = await tempFolder();
  const packed = await pack(folder.path);
  const { "Node 22": node = "" } = await installRuntimes();
  await using project = await npmProject(packed, SDKS[1], "pg@8.11.0");
  await using postgres = await startPostgres();
  const database = await postgres.makeDatabase();
  await checkConformance(project.path, node, "Node 22", postgres.url(database));
});
