import { assertEquals } from "@std/assert";
import { run } from "../../support/store/admin/admin_runs.ts";
import { allOf, fillStore } from "../../support/store/admin/whole_stores.ts";
import { startPostgres } from "../../support/databases/postgres.ts";
import { RedisServer } from "../../support/databases/redis.ts";

/** Copies a store to itself by each of these URLs. */
async function refusesEach(url: string, others: readonly string[]) {
  await fillStore(url, 20);
  const before = await allOf(url);
  for (const other of others) {
    const { status, said, wrong } = await run("copy", url, other);
    const refusal = "store: FROM and TO are one store: name another TO (see --help)";
    assertEquals([status, said, wrong], [2, "", refusal], other);
    assertEquals(await allOf(url), before);
  }
}

Deno.test("store copy: onto itself by another URL of a Redis is refused, and changes nothing", async () => {
  await using redis = await RedisServer.start();
  await redis.command("ACL", "SETUSER", "other", "on", ">secret", "~*", "+@all");
  const url = redis.url();
  await refusesEach(url, [
    url,
    url.replace("127.0.0.1", "localhost"),
    redis.url({ query: "/0" }),
    redis.url({ query: "/?evicting=allow" }),
    redis.url({ login: "other:secret@" }),
  ]);
  const { status, said } = await run("copy", url, redis.url({ query: "/1" }));
  assertEquals([status, said], [0, "Copied 20 sessions."], "another database is another store");
});

Deno.test("store copy: onto itself by another URL of a PostgreSQL is refused, and changes nothing", async () => {
  await using postgres = await startPostgres();
  const database = await postgres.makeDatabase();
  await postgres.query("CREATE USER other SUPERUSER PASSWORD 'secret'", database);
  const url = postgres.url(database);
  await refusesEach(url, [
    url,
    url.replace("127.0.0.1", "localhost"),
    url.replace("postgres:", "postgresql:"),
    `${url}?sslmode=disable`,
    postgres.url(database, "other:secret"),
  ]);
  const { status, said } = await run("copy", url, postgres.url(await postgres.makeDatabase()));
  assertEquals([status, said], [0, "Copied 20 sessions."], "another database is another store");
});
