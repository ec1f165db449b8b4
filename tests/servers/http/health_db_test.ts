/** `/readyz` of servers whose database is away for a while. */

import pg from "pg";
import { assert, assertEquals } from "@std/assert";
import { startPostgres } from "../../support/databases/postgres.ts";
import { RedisServer } from "../../support/databases/redis.ts";
import { type HttpServer, startServer } from "../../support/servers/server.ts";
import { until } from "../../support/until.ts";

async function health({ url }: HttpServer, path: string): Promise<string> {
  const response = await fetch(new URL(path, url));
  return `${response.status} ${await response.text()}`;
}

const readiness = (server: HttpServer) => () => health(server, "/readyz");

/** Sees a server lose its store and get it back, each in its own ways; calls go on after each. */
async function checkAway(
  store: string,
  ways: readonly (readonly [leave: () => Promise<void>, comeBack: () => Promise<void>])[],
) {
  await using server = await startServer({ server: "notebook", transport: "http", store });
  const cookie = await server.create();
  await until(readiness(server), (said) => said === "200 ok");
  for (const [index, [leave, comeBack]] of ways.entries()) {
    await leave();
    await until(readiness(server), (said) => said === "503 store");
    assertEquals(await health(server, "/livez"), "200 ok");
    await comeBack();
    await until(readiness(server), (said) => said === "200 ok");
    const { structuredContent } = await server.toolResult("notebook_append", { text: "x" }, cookie);
    assertEquals(structuredContent.note_number, index + 1);
  }
  // Each loss and each return is told once, with the store's own reason.
  const told = server.stderr.filter((line) => /: warn: (not ready: |ready again$)/.test(line));
  assert(told.length >= 2 * ways.length, told.join("\n"));
  told.forEach((line, index) => assertEquals(line.includes("not ready: "), index % 2 === 0, line));
}

Deno.test("/readyz on Redis: killed and restarted, suspended and woken", async () => {
  await using redis = await RedisServer.start();
  await checkAway(redis.url(), [
    [() => redis.kill(), () => redis.restart()],
    [() => Promise.resolve(redis.suspend()), () => Promise.resolve(redis.goOn())],
  ]);
});

Deno.test("/readyz on Redis: made a replica, which takes no writes, and a primary again", async () => {
  await using redis = await RedisServer.start();
  await checkAway(redis.url(), [[
    // Of a primary that is away: it goes on to answer reads.
    async () => void await redis.command("REPLICAOF", "127.0.0.1", "1"),
    async () => void await redis.command("REPLICAOF", "NO", "ONE"),
  ]]);
});

Deno.test("/readyz on Redis: asks it each time, in a flood once, and writes nothing", async () => {
  await using redis = await RedisServer.start();
  await using server = await startServer({
    server: "notebook",
    transport: "http",
    store: redis.url(),
  });
  await server.create();
  /** How many changes the data has seen, and how many commands were run in all. */
  const seen = async () => {
    const info = `${await redis.command("INFO", "everything")}`;
    const value = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1]);
    return {
      changes: value("rdb_changes_since_last_save"),
      commands: value("total_commands_processed"),
    };
  };
  const before = await seen();
  for (let asked = 0; asked < 20; asked++) await health(server, "/readyz");
  const after = await seen();
  assert(after.commands >= before.commands + 20, JSON.stringify({ before, after }));
  assertEquals(after.changes, before.changes);

  redis.suspend();
  const flood = Array.from({ length: 500 }, () => health(server, "/readyz"));
  assertEquals(new Set(await Promise.all(flood)), new Set(["503 store"]));
  redis.goOn();
  await until(readiness(server), (said) => said === "200 ok");
  const { commands } = await seen();
  // With those of this test's own connections.
  assert(commands - after.commands < 50, `${commands - after.commands}`);
});

Deno.test("/readyz on PostgreSQL: killed and restarted, suspended and woken", async () => {
  await using postgres = await startPostgres();
  await checkAway(postgres.url(await postgres.makeDatabase()), [
    [() => postgres.stop("kill"), () => postgres.start()],
    [() => postgres.pause(), () => Promise.resolve(postgres.resume())],
  ]);
});

Deno.test("/readyz on PostgreSQL: set to read only, its table locked, and back", async () => {
  await using postgres = await startPostgres();
  const database = await postgres.makeDatabase();
  const setReadOnly = async (value: "on" | "off") => {
    await postgres.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
    await postgres.query("SELECT pg_reload_conf()");
  };
  const locker = new pg.Client({ connectionString: postgres.url(database) });
  await locker.connect();
  await checkAway(postgres.url(database), [
    [() => setReadOnly("on"), () => setReadOnly("off")],
    [
      async () => void await locker.query("BEGIN; LOCK TABLE mcp_sessions.rows IN SHARE MODE"),
      async () => void await locker.query("COMMIT"),
    ],
  ]);
  await locker.end();
});
