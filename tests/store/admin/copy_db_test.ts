import { assertEquals, assertMatch } from "@std/assert";
import { run } from "../../support/store/admin/admin_runs.ts";
import { tempFolder } from "../../support/store/stores.ts";
import { allOf, fillStore } from "../../support/store/admin/whole_stores.ts";
import { startPostgres } from "../../support/databases/postgres.ts";
import { RedisServer } from "../../support/databases/redis.ts";

const COUNT = 3000;

Deno.test("store copy: from a file through Redis and PostgreSQL it comes back the same", async () => {
  await using folder = await tempFolder();
  await using redis = await RedisServer.start();
  await using postgres = await startPostgres();
  const file = `file:${folder.path}/store`;
  const back = `file:${folder.path}/back`;
  await fillStore(file, COUNT);
  const all = await allOf(file);
  const database = postgres.url(await postgres.makeDatabase());
  for (
    const [from, to] of [[file, redis.url()], [redis.url(), database], [database, back]] as const
  ) {
    const { status, said } = await run("copy", from, to);
    assertEquals([status, said], [0, "Copied 3,000 sessions."]);
    assertEquals(await allOf(to), all);
    assertMatch((await run("copy", from, to)).said, /^3,000 sessions were there already\.$/m);
  }
});

Deno.test("store: its commands look at Redis as a user that may only read", async () => {
  await using redis = await RedisServer.start();
  await fillStore(redis.url(), 20);
  const rules = ["on", ">reader", "~*", "+@read", "+@connection", "+eval", "+evalsha", "-@write"];
  await redis.command("ACL", "SETUSER", "reader", ...rules);
  const url = redis.url({ login: "reader:reader@" });
  assertMatch((await run("servers", url)).said, /^one +10 /m);
  assertMatch((await run("stats", url)).said, /^alice +7 /m);
  assertEquals((await run("ls", url)).status, 0);
  const { status, wrong } = await run("rm", url, "--owner", "alice", "--yes");
  assertEquals(status, 2, wrong);
});

Deno.test("store: its commands look at PostgreSQL as a user that may only read, and make no schema", async () => {
  await using postgres = await startPostgres();
  const database = await postgres.makeDatabase();
  const url = postgres.url(database);
  const empty = await run("servers", url);
  assertEquals(empty.status, 2);
  assertMatch(empty.wrong, /has no store: no server has used it yet/);
  await fillStore(url, 20);
  for (
    const sql of [
      "CREATE USER reader PASSWORD 'reader'",
      "GRANT USAGE ON SCHEMA mcp_sessions TO reader",
      "GRANT SELECT ON ALL TABLES IN SCHEMA mcp_sessions TO reader",
    ]
  ) await postgres.query(sql, database);
  const reader = postgres.url(database, "reader:reader");
  const servers = await run("servers", reader);
  assertMatch(servers.said, /^one +10 /m, servers.wrong);
  assertMatch((await run("stats", reader)).said, /^alice +7 /m);
  assertEquals((await run("rm", reader, "--owner", "alice", "--yes")).status, 2);
});
