/** Many stores in one PostgreSQL at once. */

import { assert, assertEquals } from "@std/assert";
import { increment, put, record } from "../../../store/conformance/cases.ts";
import { openPostgres } from "../../../store/postgres/open_postgres.ts";
import { openStore, type StoreError, type StoreLimits } from "../../../store/mod.ts";
import { parsePostgresUrl } from "../../../store/postgres/postgres_url.ts";
import { PostgresRows } from "../../../store/postgres/postgres_rows.ts";
import { startPostgres } from "../../support/databases/postgres.ts";
import type { At } from "../../../store/rows/rows.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server[Symbol.asyncDispose]());

const timeoutMs = 60_000;
const forEver = { expiresAt: Number.MAX_SAFE_INTEGER };

async function openMany(count: number, limits: Partial<StoreLimits> = {}) {
  const database = await server.makeDatabase();
  const stack = new AsyncDisposableStack();
  const stores = await Promise.all(Array.from({ length: count }, async () => {
    const options = { namespace: "test", limits, timeoutMs };
    return stack.use(await openStore(server.url(database), options));
  }));
  return { database, stores, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

Deno.test("PostgresStore: the limit of sessions is exact over stores that create at once", async () => {
  await using at = await openMany(4, { sessions: 50, sessionsPerOwner: 20 });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 160 }, (_, index) => {
      const owner = index % 2 === 0 ? "ann" : null;
      return at.stores[index % 4]!.create(record(`id-${index}`, { ...forEver, owner }));
    }),
  );
  const made = outcomes.filter(({ status }) => status === "fulfilled");
  assertEquals(made.length, 50);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") assertEquals((outcome.reason as StoreError).code, "full");
  }
  const anns = await at.stores[0]!.list({ owner: "ann", limit: 100 });
  const nobodys = await at.stores[0]!.list({ owner: null, limit: 100 });
  assert(anns.length <= 20);
  assertEquals(anns.length + nobodys.length, 50);
});

Deno.test("PostgresStore: when all sessions are deleted, no row and no counter is left", async () => {
  await using at = await openMany(3);
  const ids = Array.from({ length: 60 }, (_, index) => `id-${index}`);
  await Promise.all(ids.map(async (id, index) => {
    const store = (turn: number) => at.stores[(index + turn) % 3]!;
    await store(0).create(record(id, { ...forEver, owner: `owner-${index % 5}`, alias: id }));
    await put(store(1), id, ["k", "x".repeat(index)]);
    await increment(store(2), id);
    await store(index).delete(id);
  }));
  const [row] = await server.query(
    `SELECT (SELECT count(*) FROM mcp_sessions.rows) AS rows,
      (SELECT count(*) FROM (SELECT FROM mcp_sessions.counts GROUP BY name HAVING sum(value) <> 0) n)
        AS counted`,
    at.database,
  );
  assertEquals(row, { rows: "0", counted: "0" });
});

Deno.test("PostgresRows: batches of many rows in any order never wait for each other in a circle", async () => {
  const database = await server.makeDatabase();
  const pools = await Promise.all(
    Array.from(
      { length: 4 },
      () => openPostgres(parsePostgresUrl(server.url(database)), { warn: console.warn, timeoutMs }),
    ),
  );
  const all = pools.map(({ pool, name, end }) =>
    new PostgresRows(pool, { name, namespace: "test", timeoutMs, close: end })
  );
  const places = Array.from({ length: 12 }, (_, index): At => ["s", `${index}`]);
  let made = 0;
  await Promise.all(all.map(async (rows, process) => {
    for (let round = 0; round < 25; round++) {
      const outcomes = await Promise.all(places.map((_, first) => {
        const own = [first, first * 5 + process + round, first * 7 + round].map((n) =>
          places[n % 12]!
        );
        return rows.commit({
          mark: `${process}.${round}.${first}`,
          checks: [[["t", `${first}`], null], [["u", `${process}`], null]],
          sets: own.map((at) => [at, `${round}`]),
          deletes: [places[(first + 3) % 12]!].filter((at) => !own.includes(at)),
          counts: [{ name: `c${first % 3}`, by: 1, most: 1_000_000 }, { name: "all", by: 1 }],
          durable: round % 2 === 0,
        });
      }));
      made += outcomes.filter(({ kind }) => kind === "made").length;
    }
  }));
  assertEquals(made, 4 * 25 * 12);
  const { counts } = await all[0]!.read({ counts: ["c0", "c1", "c2", "all"] });
  assertEquals(counts, [400, 400, 400, 1200]);
  for (const rows of all) await rows.close();
  const [row] = await server.query(
    `SELECT deadlocks FROM pg_stat_database WHERE datname = '${database}'`,
  );
  assertEquals(row, { deadlocks: "0" });
});
